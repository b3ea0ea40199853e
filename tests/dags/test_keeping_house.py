"""`housekeeping`: what a person asks for, what a schedule does, and who is let be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ray_jobs.contract import keys

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

DAG = "housekeeping"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
STRAY = keys.raw_image("0" * 64)
NOTHING = {"dry_run": False, "kinds": {}}


@pytest.fixture
def store(store):
    """A run that was given up, and an original of no version: both old."""
    store.now = LONG_AGO
    store.put(keys.run("abc", "ray-train/arrays"), b"12345")
    store.put(STRAY, b"1234")
    return store


def test_by_hand_a_dry_run_is_the_default(staged, store):
    before = dict(store.objects)
    told = staged(DAG).run("tidy_runs")
    assert told == {"dry_run": True, "kinds": {"given-up": {"objects": 1, "size_bytes": 5}}}
    assert staged(DAG).run("tidy_datasets")["kinds"] == {"raw": {"objects": 1, "size_bytes": 4}}
    assert store.objects == before


def test_a_person_may_have_it_removed(staged, store):
    stage = staged(DAG, conf={"dry_run": False})
    assert stage.run("tidy_runs")["dry_run"] is False
    stage.run("tidy_datasets")
    assert list(store.keys("")) == []


def test_a_scheduled_run_removes(staged, store):
    staged(DAG, run_type="scheduled").run("tidy_runs")
    assert list(store.keys("runs/")) == []


def test_what_is_younger_than_asked_stays(staged, store):
    store.now = datetime.now(UTC)
    store.put(keys.run("abc", "progress.json"), b"{}")
    stage = staged(DAG, conf={"dry_run": False, "older_than_days": 1})
    assert stage.run("tidy_runs") == NOTHING


def test_a_run_that_may_be_under_way_is_let_be(staged, store):
    stage = staged(DAG, conf={"dry_run": False}, active=["retrain_classifier"])
    assert stage.run("tidy_runs") == NOTHING


def test_an_ingest_that_is_under_way_is_let_be(staged, store):
    stage = staged(DAG, conf={"dry_run": False}, active=["ingest_dataset"])
    assert stage.run("tidy_datasets") == NOTHING
    assert store.exists(STRAY)
