"""A stack on which nothing was ingested yet."""

from __future__ import annotations

import pytest

from ray_jobs.contract.errors import SpecError
from tests.tasks.documents import manifest, publish

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

DAG = "retrain_classifier"


def test_a_scheduled_run_without_a_data_set_does_nothing_and_says_so(staged, monkeypatch, caplog):
    monkeypatch.delenv("AIRFLOW_VAR_SORTLINE_DATASET")
    stage = staged(DAG, run_type="scheduled")
    assert stage.run("plan") is False
    assert list(stage.xcoms) == [("plan", "return_value")]
    assert "no data set yet" in caplog.text


@pytest.mark.parametrize("run_type", ["manual", "asset_triggered"])
def test_a_run_that_somebody_or_something_asked_for_is_refused(staged, monkeypatch, run_type):
    monkeypatch.delenv("AIRFLOW_VAR_SORTLINE_DATASET")
    with pytest.raises(SpecError, match=r"no data set is named.*sortline_dataset.*sortline ingest"):
        staged(DAG, run_type=run_type).run("plan")


def test_a_scheduled_run_with_one_is_planned(staged, store):
    publish(store, manifest())
    assert staged(DAG, run_type="scheduled").run("plan") is True
