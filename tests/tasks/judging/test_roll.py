"""The roll of a model: its registered versions."""

from __future__ import annotations

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.removal import Removal
from ray_jobs.contract.verdict import Decision
from ray_jobs.storage import write_document
from tasks.judging.roll import Unreadable, find_version, read_roll
from tests.fakes import InMemoryStore
from tests.tasks.documents import registration, spec, write_run


@pytest.fixture
def store() -> InMemoryStore:
    """Version 2 is judged, version 10 is only registered."""
    store = InMemoryStore()
    write_run(store)
    write_document(store, registration(), keys.model_version("sample", 2))
    young = registration("young").model_copy(update={"model_version": 10})
    write_document(store, spec("young"), keys.run("young", "spec.json"))
    write_document(store, young, keys.model_version("sample", 10))
    return store


def test_the_newest_version_comes_first_by_number_not_by_name(store):
    versions = [one.registration.model_version for one in read_roll(store, "sample")]
    assert versions == [10, 2]


def test_a_version_tells_how_far_its_run_has_come(store):
    young, judged = read_roll(store, "sample")
    assert (young.scores, young.decision) == (None, None)
    assert (judged.scores.correct, judged.decision) == (41, Decision.PROMOTED)
    assert judged.registered == store.now


def test_a_version_whose_files_are_gone_is_still_on_the_roll(store):
    write_document(store, Removal(run_id="abc", objects=9, size_bytes=99), keys.removal("abc"))
    young, judged = read_roll(store, "sample")
    assert (young.is_whole, judged.is_whole) == (True, False)


@pytest.mark.parametrize(
    ("key", "damage"),
    [
        (keys.model_version("sample", 10), b"{}"),
        (keys.run("young", "spec.json"), b"{"),
        (keys.run("young", "spec.json"), None),
        (keys.judged("young", "evaluation.json"), b"{}"),
    ],
)
def test_a_version_that_cannot_be_read_does_not_hide_the_others(store, key, damage):
    store.delete([key])
    if damage is not None:
        store.put(key, damage)
    broken, judged = read_roll(store, "sample")
    assert isinstance(broken, Unreadable)
    assert broken.version == 10
    assert key in broken.error
    assert judged.registration.model_version == 2


def test_a_model_that_nobody_registered_has_no_versions(store):
    assert read_roll(store, "samples") == []
    with pytest.raises(SpecError, match=r"no version 1; expected one of: \(none yet\)"):
        find_version(store, "samples", 1)


def test_an_unknown_version_is_told_with_the_others_in_order(store):
    with pytest.raises(SpecError, match=r"no version 3; expected one of: 2, 10\."):
        find_version(store, "sample", 3)
