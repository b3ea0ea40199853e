"""`sortline models` and `promote`, with nothing up but the object store."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from infra.commands.models import models, promote, rollback
from infra.summary import of_models
from ray_jobs.contract import keys
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.verdict import Decision
from ray_jobs.storage import write_document
from tasks.judging import champion
from tests.fakes import InMemoryStore
from tests.infra.store_alone import StoreAlone
from tests.tasks.clock import NOON
from tests.tasks.documents import registration, verdict, write_run


@pytest.fixture
def session(tmp_path: Path) -> StoreAlone:
    """Version 1 is the champion; the gate kept version 2, of run `abc`."""
    session = StoreAlone.open(tmp_path)
    write_run(session.objects)
    kept = verdict(decision=Decision.KEPT)
    session.objects.put(keys.run("abc", "verdict.json"), kept.to_json())
    write_document(session.objects, registration(), keys.model_version("sample", 2))
    first = champion.move(1, "old", by="gate", at=NOON)
    champion.promote(session.objects, "sample", first, judged_against=None)
    return session


def put_first_champion(session: StoreAlone, model: str) -> None:
    first = champion.move(1, f"{model}1", by="gate", at=NOON)
    champion.promote(session.objects, model, first, judged_against=None)


def test_where_several_models_have_a_champion_one_must_be_named(session):
    put_first_champion(session, "glass")
    for command in (
        lambda: models(session, name=None),
        lambda: promote(session, name=None, version=2, reason="glass matters more"),
        lambda: rollback(session, name=None, version=None),
    ):
        with pytest.raises(SpecError, match=r"several; expected one of: glass, sample\. .*--name"):
            command()


def test_a_model_that_has_no_champion_is_not_taken_for_the_one_that_has(session):
    other = registration("other").model_copy(update={"model": "glass"})
    write_document(session.objects, other, keys.model_version("glass", 1))
    assert models(session, name=None)["model"] == "sample"
    session.objects.delete([keys.champion("sample")])
    with pytest.raises(SpecError, match="several; expected one of: glass, sample"):
        models(session, name=None)


def test_the_only_model_is_taken_where_its_first_version_is_not_champion_yet(session):
    session.objects.delete([keys.champion("sample")])
    assert promote(session, name=None, version=2, reason="a start")["model"] == "sample"


def test_before_the_first_model_a_retraining_is_advised(tmp_path):
    with pytest.raises(SpecError, match=r"no model is registered yet.*sortline retrain"):
        models(StoreAlone.open(tmp_path), name=None)


def test_the_versions_are_told_with_figures_verdict_and_whose_word_made_the_champion(session):
    known = models(session, name=None)
    assert (known["champion"], known["by"], known["act"], known["reason"]) == (
        1,
        "gate",
        "gate",
        None,
    )
    (row,) = known["versions"]
    assert (row["version"], row["run_id"], row["recipe"]) == (2, "abc", "tiny")
    assert (row["test_accuracy"], row["verdict"], row["files"]) == (41 / 45, "kept", "kept")


def test_a_model_without_a_champion_says_so(session):
    session.objects.delete([keys.champion("sample")])
    known = models(session, name="sample")
    assert (known["champion"], len(known["versions"])) == (None, 1)
    assert "sample has no champion yet" in shown(known)


def test_a_model_that_does_not_exist_is_told_with_those_that_do(session):
    for command in (
        lambda: models(session, name="sampel"),
        lambda: promote(session, name="sampel", version=2, reason="glass matters more"),
        lambda: rollback(session, name="sampel", version=None),
    ):
        with pytest.raises(SpecError, match="no model 'sampel'; expected one of: sample"):
            command()


def shown(known) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(of_models(known))
    return console.file.getvalue()


def test_an_operators_promotion_needs_no_mlflow_and_shows_what_the_gate_said(session):
    known = promote(session, name=None, version=2, reason="glass matters more")
    assert (known["champion"], known["moved"], known["verdict"]) == (2, True, "kept")
    told = session.told
    assert "version 2 is now the champion of sample" in told
    assert "the gate's verdict on it was 'kept': because" in told
    assert "MLflow's alias stays behind" in told
    told = f"by {known['by']} (promotion), since {known['since']}: glass matters more"
    assert told in shown(known)


def test_promoting_the_champion_of_now_says_so_and_moves_nothing(session):
    promote(session, name=None, version=2, reason="glass matters more")
    again = promote(session, name=None, version=2, reason="once more")
    assert (again["moved"], again["reason"]) == (False, "glass matters more")
    assert "was already the champion" in session.told


def test_a_reason_that_looks_like_markup_is_told_as_it_is(session):
    said = verdict(decision=Decision.KEPT).model_copy(update={"reasons": ("class [/b] :cat:",)})
    session.objects.put(keys.run("abc", "verdict.json"), said.to_json())
    promote(session, name=None, version=2, reason="glass matters more")
    assert "'kept': class [/b] :cat:" in session.told


def test_another_version_that_cannot_be_read_is_told_and_hinders_nothing(session):
    damaged = registration("bad").model_copy(update={"model_version": 3})
    write_document(session.objects, damaged, keys.model_version("sample", 3))
    session.objects.put(keys.run("bad", "spec.json"), b"{}")
    known = promote(session, name=None, version=2, reason="glass matters more")
    assert [row["version"] for row in known["versions"]] == [3, 2]
    assert "runs/bad/spec.json" in known["versions"][0]["error"]
    assert "version 3 cannot be read: s3://memory/runs/bad/spec.json" in shown(known)


class Overtaken(InMemoryStore):
    """A store in which another writer always comes first."""

    def compare_and_set(self, key: str, data: bytes, *, etag: str | None) -> bool:
        return False


LOST = r"moved while .* `sortline models --name sample`"


def overtaken(session: StoreAlone) -> StoreAlone:
    store = Overtaken()
    store.objects.update(session.objects.objects)
    return replace(session, objects=store)


def test_a_lost_race_is_the_operators_to_look_at_before_another_try(session):
    with pytest.raises(SpecError, match=LOST):
        promote(overtaken(session), name=None, version=2, reason="glass matters more")
    promote(session, name=None, version=2, reason="glass matters more")
    with pytest.raises(SpecError, match=LOST):
        rollback(overtaken(session), name=None, version=None)


def test_a_user_without_a_name_is_told_by_number(session, monkeypatch):
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    known = promote(session, name=None, version=2, reason="glass matters more")
    assert known["by"] == "uid 54321"


def test_a_roll_back_undoes_an_operators_promotion(session):
    promote(session, name=None, version=2, reason="glass matters more")
    back = rollback(session, name=None, version=None, reason="cups as glass")
    assert (back["champion"], back["moved"]) == (1, True)
    assert (back["act"], back["reason"]) == ("rollback", "cups as glass")
    assert "version 1 is now the champion of sample" in session.told


def test_a_roll_back_to_the_champion_of_now_says_that_nothing_moved(session):
    back = rollback(session, name=None, version=1)
    assert (back["champion"], back["moved"], back["by"]) == (1, False, "gate")
    assert "version 1 was already the champion of sample" in session.told
