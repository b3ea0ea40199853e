import json
from pathlib import Path

import pytest

from infra.airflow_api import TaskState
from infra.follow import DagRun, Patience, Snapshot, failure_of
from ray_jobs.contract.errors import ClusterError, DataError, SortlineError

RUN = DagRun("retrain_classifier", "manual__1")


class ScriptedAirflow:
    """An Airflow with one failed task, whose XCom and log are given; its health is settable."""

    def __init__(self, error: str | None = None, log: str = "{}") -> None:
        self.error, self.log, self.bad = error, log, list[str]()

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> str | None:
        return self.error

    def task_log(self, dag_id: str, run_id: str, task: TaskState) -> str:
        return self.log

    def unhealthy_parts(self) -> list[str]:
        return self.bad


def failed(task_id: str = "train") -> Snapshot:
    return Snapshot(RUN, (TaskState(task_id, "failed", 1, None, None),))


def test_the_error_of_a_failed_task_comes_back_as_it_was_raised(tmp_path: Path):
    raised = DataError("no images", "some images", "Add some")
    error = failure_of(ScriptedAirflow(raised.to_wire()), failed(), tmp_path)
    assert (type(error), error.args) == (DataError, raised.args)


def test_a_fault_of_ours_is_kept_in_a_file_that_the_message_names(tmp_path: Path):
    log = json.dumps({"event": "Task failed", "error_detail": [{"exc_type": "KeyError"}]})
    error = failure_of(ScriptedAirflow(log=log), failed(), tmp_path)
    (path,) = tmp_path.iterdir()
    assert "KeyError" in path.read_text()
    assert str(path) in error.remedy
    assert error.exit_code == 1


def test_a_crashed_ray_job_is_our_fault_and_its_log_is_kept(tmp_path: Path):
    crashed = SortlineError("Ray job a-1 failed with exit code 1", "exit code 0", "Read the log")
    error = failure_of(ScriptedAirflow(crashed.to_wire()), failed(), tmp_path)
    (path,) = tmp_path.iterdir()
    assert (error.fact, error.exit_code) == (crashed.fact, 1)
    assert str(path) in error.remedy


def test_a_run_that_was_marked_failed_is_no_fault_of_ours(tmp_path: Path):
    error = failure_of(ScriptedAirflow(log='{"event": "Running"}'), failed(), tmp_path)
    assert isinstance(error, ClusterError)
    assert "ended from outside" in error.fact


class Clock:
    """Says what it was set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def watch(health: list[tuple[float, list[str]]]) -> None:
    """Look at (time, unhealthy parts) one after the other."""
    airflow, clock = ScriptedAirflow(), Clock()
    watched = Patience(airflow, clock)
    for clock.now, airflow.bad in health:
        watched.check()


def test_a_scheduler_that_stays_away_ends_the_wait():
    with pytest.raises(ClusterError, match="scheduler does not answer"):
        watch([(float(second), ["scheduler"]) for second in range(0, 80, 10)])


def test_a_scheduler_that_comes_back_starts_the_count_anew():
    watch([(1.0, ["scheduler"]), (50.0, []), (61.0, ["scheduler"]), (72.0, [])])
