"""The model card."""

from __future__ import annotations

import json
import re

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.export import Export, ExportFormat
from ray_jobs.storage import MissingObjectError
from tasks.judging.card import assemble_card
from tests.fakes import InMemoryStore
from tests.tasks.documents import export, spec, training, write_run


@pytest.fixture
def store() -> InMemoryStore:
    store = InMemoryStore()
    write_run(store)
    return store


def test_card_holds_what_every_step_wrote(store):
    card = assemble_card(store, "abc", "sample", 7)
    assert (card.spec, card.training) == (spec(), training())
    assert (card.model, card.model_version) == ("sample", 7)


def test_card_tells_the_size_of_each_format(store):
    written = assemble_card(store, "abc", "sample", 7).to_json()
    formats = json.loads(written)["exports"]["exports"]
    assert [one["size_bytes"] for one in formats] == [2 * 1234] * 3


def test_an_export_of_before_that_has_no_size_is_read_with_it():
    made = export(ExportFormat.ONNX)
    before = made.model_dump_json(exclude={"size_bytes"}).encode()
    assert Export.from_json(before, origin="test") == made
    assert made.size_bytes == 2 * 1234


@pytest.mark.parametrize(
    "key",
    [
        *(keys.run("abc", f"{step}.json") for step in ("spec", "training", "exports")),
        *(keys.run("abc", f"{step}.json") for step in ("verification", "verdict")),
        keys.judged("abc", "evaluation.json"),
    ],
)
def test_a_step_that_has_not_written_leaves_no_card(store, key):
    del store.objects[key]
    with pytest.raises(MissingObjectError, match=f"{re.escape(key)} does not exist"):
        assemble_card(store, "abc", "sample", 7)
