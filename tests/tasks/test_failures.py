from ray_jobs.contract.errors import ClusterError, DataError, SortlineError
from tasks.failures import of_ray_job

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
    assert of_ray_job(event).args == raised.args
    assert type(of_ray_job(event)) is DataError


def test_a_crash_of_our_code_is_our_fault_and_is_not_retried():
    error = of_ray_job(FAILED)
    assert type(error) is SortlineError
    assert (error.exit_code, error.retryable) == (1, False)


def test_a_lost_cluster_is_the_platforms_and_is_retried():
    error = of_ray_job(FAILED | {"error_type": "JOB_SUPERVISOR_ACTOR_DIED", "exit_code": None})
    assert isinstance(error, ClusterError)
    assert error.retryable


def test_a_deadline_is_told_as_such():
    assert "deadline" in of_ray_job(FAILED | {"timed_out": True}).fact
