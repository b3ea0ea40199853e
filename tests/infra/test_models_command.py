"""`sortline models` and `promote`, with nothing up but the object store."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from infra.commands.models import models, promote, rollback
from infra.summary import of_models
from ray_jobs.contract import keys
from ray_jobs.contract.verdict import Decision
from ray_jobs.storage import write_document
from tasks import champion
from tests.infra.store_alone import StoreAlone
from tests.tasks.clock import NOON
from tests.tasks.documents import registration, verdict, write_run


@pytest.fixture
def session() -> StoreAlone:
    """Version 1 is the champion; the gate kept version 2, of run `abc`."""
    session = StoreAlone()
    write_run(session.objects)
    kept = verdict(decision=Decision.KEPT)
    session.objects.put(keys.run("abc", "verdict.json"), kept.to_json())
    write_document(session.objects, registration(), keys.model_version("sample", 2))
    first = champion.move(1, "old", by="gate", at=NOON)
    champion.promote(session.objects, "sample", first, judged_against=None)
    return session


def test_the_versions_are_told_with_figures_verdict_and_whose_word_made_the_champion(session):
    known = models(session, name=None)
    assert (known["champion"], known["by"], known["reason"]) == (1, "gate", None)
    (row,) = known["versions"]
    assert (row["version"], row["run_id"], row["recipe"]) == (2, "abc", "tiny")
    assert (row["test_accuracy"], row["verdict"], row["files"]) == (41 / 45, "kept", "kept")


def test_a_model_without_a_champion_says_so():
    known = models(StoreAlone(), name="glass")
    assert (known["champion"], known["versions"]) == (None, [])
    assert "glass has no champion yet" in shown(known)


def shown(known) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(of_models(known))
    return console.file.getvalue()


def test_an_operators_promotion_needs_no_mlflow_and_shows_what_the_gate_said(session):
    known = promote(session, name=None, version=2, reason="glass matters more")
    assert (known["champion"], known["moved"], known["verdict"]) == (2, True, "kept")
    told = session.told.getvalue()
    assert "version 2 is now the champion of sample" in told
    assert "the gate's verdict on it was 'kept': because" in told
    assert "MLflow's alias stays behind" in told
    assert f"by {known['by']}, since {known['since']}: glass matters more" in shown(known)


def test_promoting_the_champion_of_now_says_so_and_moves_nothing(session):
    promote(session, name=None, version=2, reason="glass matters more")
    again = promote(session, name=None, version=2, reason="once more")
    assert (again["moved"], again["reason"]) == (False, "glass matters more")
    assert "was already the champion" in session.told.getvalue()


def test_a_roll_back_undoes_an_operators_promotion(session):
    promote(session, name=None, version=2, reason="glass matters more")
    assert rollback(session, name=None, version=None)["champion"] == 1
