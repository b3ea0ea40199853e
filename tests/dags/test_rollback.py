"""`rollback_champion`: one move a DAG run, whatever is retried or cleared."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.storage import read_document
from tasks.judging import champion
from tests.tasks.clock import LATER, NOON

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

DAG = "rollback_champion"


@pytest.fixture
def champions(store):
    """Versions 1, 2 and 3 were promoted, in this order."""
    for version in (1, 2, 3):
        to = champion.move(version, f"run{version}", by="gate", at=NOON + timedelta(hours=version))
        before = champion.read(store, "sample").pointer
        champion.promote(
            store, "sample", to, judged_against=before.model_version if before else None
        )


def pointer(store) -> ChampionPointer:
    return read_document(store, ChampionPointer, keys.champion("sample"))


def versions(store) -> list[int]:
    return [made.model_version for made in pointer(store).history]


@pytest.mark.usefixtures("champions")
def test_the_champion_goes_back_one_with_who_when_and_why(staged, store):
    answer = staged(DAG, conf={"reason": "cups as glass"}, user="ada").run("rollback")
    assert answer == {"model": "sample", "champion": 2, "run_id": "run2"}
    made = pointer(store).history[-1]
    assert made.by == "ada (airflow:manual__2026-01-02)"
    assert made.at == "2026-01-02T12:00:00+00:00"
    assert made.reason == "cups as glass"


@pytest.mark.usefixtures("champions")
def test_where_airflow_knows_no_person_the_run_alone_is_named(staged, store):
    staged(DAG).run("rollback")
    assert pointer(store).history[-1].by == "airflow:manual__2026-01-02"


@pytest.mark.usefixtures("champions")
def test_a_retry_or_a_clear_does_not_go_back_again(staged, store):
    stage = staged(DAG)
    stage.run("rollback")
    assert stage.run("rollback")["champion"] == 2
    assert versions(store) == [1, 2, 3, 2]


@pytest.mark.usefixtures("champions")
def test_another_run_goes_back_one_more(staged, store):
    staged(DAG).run("rollback")
    staged(DAG, run_id="manual__2", run_after=LATER).run("rollback")
    assert versions(store) == [1, 2, 3, 2, 1]


@pytest.mark.usefixtures("champions")
def test_a_clear_after_a_later_promotion_leaves_that_champion(staged, store):
    stage = staged(DAG)
    stage.run("rollback")
    to = champion.move(4, "run4", by="gate", at=LATER)
    champion.promote(store, "sample", to, judged_against=2)
    assert stage.run("rollback")["champion"] == 4


@pytest.mark.usefixtures("champions")
def test_a_version_is_named(staged, store):
    staged(DAG, conf={"version": 1}).run("rollback")
    assert pointer(store).model_version == 1


@pytest.mark.usefixtures("champions")
@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"version": 9}, "version 9 of model 'sample' never was champion; expected .*1, 2, 3"),
        ({"model": "trashnet"}, "model 'trashnet' has no champion yet; expected .*sample"),
        ({"model": "../sample"}, "'../sample' is no data set name"),
        ({"models": "sample"}, "'models' is not a parameter .*Did you mean 'model'"),
    ],
)
def test_what_cannot_be_is_refused_and_moves_nothing(staged, store, conf, message):
    with pytest.raises(Exception, match=message):
        staged(DAG, conf=conf).run("rollback")
    assert versions(store) == [1, 2, 3]


@pytest.mark.usefixtures("champions")
def test_a_lost_race_is_not_tried_again(staged, store, monkeypatch):
    monkeypatch.setattr(store, "compare_and_set", lambda *_, **__: False)
    with pytest.raises(Exception, match=r"moved while it was rolled back.* name the version"):
        staged(DAG).run("rollback")


@pytest.mark.usefixtures("champions")
def test_the_alias_is_set_to_the_champion_of_now_by_a_task_of_its_own(staged, store, mlflow_uri):
    stage = staged(DAG)
    stage.run("rollback")
    to = champion.move(4, "run4", by="gate", at=LATER)
    champion.promote(store, "sample", to, judged_against=2)
    assert stage.run("repair_alias") == {"model": "sample", "champion": 4}
    assert alias(mlflow_uri) == 4
    assert stage.run("repair_alias") == {"model": "sample", "champion": 4}


def alias(uri: str) -> int:
    from mlflow import MlflowClient

    return int(MlflowClient(uri, uri).get_model_version_by_alias("sample", "champion").version)
