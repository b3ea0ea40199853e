"""A run that the data set's asset has started: all queued events are read, the newest wins."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ray_jobs.storage import write_document
from tests.tasks.clock import NOON
from tests.tasks.documents import manifest, publish, verdict

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def run(staged, store):
    """A run that was started by events, each `(minutes after noon, data set, version)`."""
    from tests.dags.stage import event

    def started(*events: tuple[int, str, str]):
        queued = [
            event(NOON + timedelta(minutes=minutes), dataset=name, version=version, manifest="m")
            for minutes, name, version in events
        ]
        return staged("retrain_classifier", events=queued)

    return started


def planned(stage) -> tuple[str, str]:
    assert stage.run("plan") is True
    plan = stage.xcoms["plan", "plan"]
    return plan["dataset"], plan["version"]


def test_of_many_queued_events_the_newest_of_my_data_set_wins_in_whatever_order_they_come(
    run, store
):
    for version in ("v1", "v2", "v3"):
        publish(store, manifest(version=version))
    publish(store, manifest("other", "v9"))
    events = [(3, "sample", "v3"), (1, "sample", "v1"), (4, "other", "v9"), (2, "sample", "v2")]
    assert planned(run(*events)) == ("sample", "v3")


def test_events_of_other_data_sets_alone_start_nothing(run, store):
    publish(store, manifest())
    stage = run((1, "other", "v9"))
    assert stage.run("plan") is False
    assert ("plan", "plan") not in stage.xcoms


def test_an_older_event_that_is_handled_late_does_not_train_on_an_older_manifest(run, store):
    publish(store, manifest(version="v1"))
    publish(store, manifest(version="v2"))
    assert planned(run((1, "sample", "v1"))) == ("sample", "v2")


def test_the_event_of_what_a_late_one_has_trained_already_ends_as_unchanged(run, store):
    publish(store, manifest(version="v1"))
    publish(store, manifest(version="v2"))
    late = run((1, "sample", "v1"))
    planned(late)
    run_id = late.xcoms["plan", "plan"]["run_id"]
    write_document(store, verdict(run_id), f"judged/{run_id}/card.json")
    next_one = run((2, "sample", "v2"))
    assert next_one.run("plan") is False
    assert next_one.xcoms["plan", "plan"]["unchanged"] is True


def test_a_source_that_went_back_to_an_older_content_is_followed_back(run, store):
    for version in ("v1", "v2", "v1"):
        publish(store, manifest(version=version))
    assert planned(run((1, "sample", "v2"), (2, "sample", "v1"))) == ("sample", "v1")


def test_a_version_named_by_hand_is_taken_however_old(staged, store):
    publish(store, manifest(version="v1"))
    publish(store, manifest(version="v2"))
    assert planned(staged("retrain_classifier", conf={"version": "v1"})) == ("sample", "v1")
