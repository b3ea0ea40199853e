"""What a failed Ray job, or a Ray that does not answer, means in our own tree of errors."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ray_jobs.contract.errors import ClusterError, CredentialError, SortlineError, from_wire
from tasks.operators.errors import RayJobLostError, RayRefusedError, RayUnreachableError
from tasks.operators.operator import is_own_fault
from tasks.operators.trigger import TOKEN_REFUSED

_FASTER = {
    "train": "Ask for fewer epochs (--set epochs=N) or more workers (--workers N)",
    "evaluate": "Give the cluster more CPUs: each part of the test split takes one",
}
_LONGER = "See in its log what took so long; then a faster node, or a longer `deadline` of its step"


def of_ray_job(event: dict[str, Any], step: str) -> SortlineError:
    """The error to raise for a job that did not succeed.

    Args:
      event: what `RayJobTrigger` fired.
      step: of the run; what helps a job that took too long depends on it.
    """
    job, status = event["submission_id"], event["status"]
    if event["timed_out"]:
        return SortlineError(
            f"Ray job {job} was stopped at its deadline",
            "a job that ends before it",
            _FASTER.get(step, _LONGER),
        )
    if event["error_type"] == TOKEN_REFUSED:
        return CredentialError(
            event["message"],
            "the token that Ray was started with",
            "Correct the connection's token",
        )
    told = from_wire(event["message"])
    if told is not None:
        return told
    if is_own_fault(event):
        return SortlineError(
            f"Ray job {job} failed with exit code {event['exit_code']}",
            "exit code 0",
            "Read its traceback in this task's log, above",
        )
    return ClusterError(
        f"Ray job {job} ended {status}: {event['error_type'] or event['message'][-300:]}",
        "a cluster that lets it run to its end",
        "Look at the Ray dashboard; the next try goes on from the last checkpoint",
    )


@contextmanager
def ray_api_errors() -> Generator[None]:
    """Turn the Jobs API's errors into ours."""
    try:
        yield
    except RayRefusedError as error:
        raise CredentialError(
            str(error), "the token that Ray was started with", "Correct the connection's token"
        ) from error
    except RayUnreachableError as error:
        raise ClusterError(
            str(error), "a dashboard that answers", "Run `sortline status`, then `sortline up`"
        ) from error
    except RayJobLostError as error:
        raise ClusterError(
            str(error), "a task that lives to submit it", "The next try submits it"
        ) from error
