"""A run that has nothing to do but to set MLflow's alias right."""

from __future__ import annotations

import pytest

from ray_jobs.contract import keys
from tasks.judging import champion
from tests.tasks.clock import LATER, NOON
from tests.tasks.documents import manifest, publish

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def unchanged(staged, store):
    """A run whose inputs were judged before; the champion went from 3 to 7 and back."""
    publish(store, manifest())
    for version, before in ((3, None), (7, 3)):
        to = champion.move(version, f"run{version}", by="gate", at=NOON)
        champion.promote(store, "sample", to, judged_against=before)
    champion.rollback(store, "sample", None, "ada", LATER)
    first = staged("retrain_classifier")
    first.run("plan")
    store.put(keys.judged(first.xcoms["plan", "plan"]["run_id"], "card.json"), b"{}")
    return staged("retrain_classifier")


def test_the_alias_that_a_roll_back_has_left_behind_is_repaired(unchanged, mlflow_uri):
    from mlflow import MlflowClient

    client = MlflowClient(mlflow_uri, mlflow_uri)
    client.set_registered_model_alias("sample", "champion", "7")
    assert unchanged.run("plan") is False
    assert int(client.get_model_version_by_alias("sample", "champion").version) == 3


def test_without_mlflow_it_ends_as_unchanged_all_the_same(unchanged, monkeypatch, caplog):
    monkeypatch.delenv("SORTLINE_MLFLOW_URI")
    assert unchanged.run("plan") is False
    assert "MLflow's alias stays behind until the next run: no MLflow is named" in caplog.text


def test_an_mlflow_that_has_lost_the_champion_s_version_does_not_fail_it(unchanged, store, caplog):
    champion.appoint(store, "sample", champion.move(77, "run77", by="ada", at=LATER))
    assert unchanged.run("plan") is False
    assert "MLflow knows no version 77 of model 'sample'" in caplog.text
