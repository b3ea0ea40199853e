"""What a failed Ray job means in our own tree of errors, and what Airflow then does."""

from __future__ import annotations

from typing import Any

import pytest

from ray_jobs.contract.errors import (
    CapacityError,
    ClusterError,
    CredentialError,
    DataError,
    SortlineError,
    SpecError,
)
from tasks.failures import of_ray_job, ray_api_errors
from tasks.operators.errors import (
    RayError,
    RayJobLostError,
    RayRefusedError,
    RayUnreachableError,
)
from tasks.operators.trigger import JOB_UNKNOWN, TOKEN_REFUSED

FAILED = {
    "submission_id": "sortline-ab-train-1",
    "status": "FAILED",
    "message": "",
    "error_type": "JOB_ENTRYPOINT_COMMAND_ERROR",
    "exit_code": 1,
    "timed_out": False,
}


def test_an_error_of_ours_comes_back_as_it_was_raised():
    raised = DataError("shard x has sha256 1", "2 as recorded", "Restore it")
    event = FAILED | {"exit_code": 2, "message": f"last logs:\n{raised.to_wire()}\n"}
    assert of_ray_job(event, "train").args == raised.args
    assert type(of_ray_job(event, "train")) is DataError


def test_a_crash_of_our_code_is_our_fault_and_is_not_retried():
    error = of_ray_job(FAILED, "train")
    assert type(error) is SortlineError
    assert (error.exit_code, error.retryable) == (1, False)


def test_a_lost_cluster_is_the_platforms_and_is_retried():
    error = of_ray_job(
        FAILED | {"error_type": "JOB_SUPERVISOR_ACTOR_DIED", "exit_code": None}, "train"
    )
    assert isinstance(error, ClusterError)
    assert error.retryable


def test_a_deadline_is_told_as_such():
    assert "deadline" in of_ray_job(FAILED | {"timed_out": True}, "train").fact


@pytest.mark.parametrize(
    ("step", "remedy"),
    [
        ("train", "fewer epochs"),
        ("export", "`deadline` of its step"),
        ("verify", "`deadline` of its step"),
        ("evaluate", "more CPUs"),
    ],
)
def test_what_helps_after_a_deadline_depends_on_the_step(step: str, remedy: str):
    assert remedy in of_ray_job(FAILED | {"timed_out": True}, step).remedy


def test_a_deadline_is_no_reason_to_try_again():
    assert of_ray_job(FAILED | {"timed_out": True, "status": "STOPPED"}, "train").retryable is False


def told(error: SortlineError) -> dict[str, Any]:
    return FAILED | {"message": f"Job entrypoint command failed\n{error.to_wire()}\n"}


PARTS = ("fact", "expectation", "remedy")
LOST = FAILED | {"exit_code": None}
# What the job's end looked like -> what it is, and whether Airflow tries again.
OUTCOMES: dict[str, tuple[dict[str, Any], type[SortlineError], bool]] = {
    "wrong spec": (told(SpecError(*PARTS)), SpecError, False),
    "wrong data": (told(DataError(*PARTS)), DataError, False),
    "refused key": (told(CredentialError(*PARTS)), CredentialError, False),
    "too small a cluster": (told(CapacityError(*PARTS)), CapacityError, False),
    "the store was away": (told(ClusterError(*PARTS)), ClusterError, True),
    "our own bug": (FAILED, SortlineError, False),
    "refused token": (FAILED | {"error_type": TOKEN_REFUSED}, CredentialError, False),
    "deadline": (FAILED | {"timed_out": True}, SortlineError, False),
    "killed, says the shell": (FAILED | {"exit_code": 137}, ClusterError, True),
    "killed, says Python": (FAILED | {"exit_code": -9}, ClusterError, True),
    "supervisor died": (
        LOST | {"error_type": "JOB_SUPERVISOR_ACTOR_DIED"},
        ClusterError,
        True,
    ),
    "never scheduled": (
        LOST | {"error_type": "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"},
        ClusterError,
        True,
    ),
    "stopped by hand": (LOST | {"error_type": None, "status": "STOPPED"}, ClusterError, True),
    "a new cluster": (LOST | {"error_type": JOB_UNKNOWN}, ClusterError, True),
}


@pytest.mark.parametrize(("event", "kind", "again"), OUTCOMES.values(), ids=OUTCOMES)
def test_what_an_end_means_and_whether_it_is_tried_again(
    event: dict[str, Any], kind: type[SortlineError], again: bool
):
    error = of_ray_job(event, "train")
    assert type(error) is kind
    assert error.retryable is again


@pytest.mark.airflow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("event", "kind", "again"), OUTCOMES.values(), ids=OUTCOMES)
def test_our_dags_try_again_what_can_help_and_nothing_else(
    event: dict[str, Any], kind: type[SortlineError], again: bool
):
    from airflow.sdk.definitions.retry_policy import RetryAction

    from dags.shared import RETRY_POLICY

    decided = RETRY_POLICY.evaluate(of_ray_job(event, "train"), try_number=1, max_tries=6)
    assert decided.action is (RetryAction.RETRY if again else RetryAction.FAIL)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (RayRefusedError("refused"), CredentialError),
        (RayUnreachableError("away"), ClusterError),
        (RayJobLostError("killed before it was submitted"), ClusterError),
    ],
)
def test_the_operators_errors_become_ours(raised: RayError, kind: type[SortlineError]):
    with pytest.raises(kind, match=str(raised)), ray_api_errors():
        raise raised
