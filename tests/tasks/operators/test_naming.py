import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.operators.errors import RayNameError
from tasks.operators.jobs_api import Job, JobStatus
from tasks.operators.naming import checked_name, current_job

NAME = "sortline-ab12-train"
LOST = [JobStatus.FAILED, JobStatus.STOPPED]
LIVE = [JobStatus.PENDING, JobStatus.RUNNING, JobStatus.SUCCEEDED]


def jobs(*statuses: JobStatus, name: str = NAME) -> list[Job]:
    return [Job(f"{name}-{number}", status) for number, status in enumerate(statuses, 1)]


def test_the_first_attempt_is_number_one():
    assert current_job(NAME, []) == (f"{NAME}-1", None)


@given(st.lists(st.sampled_from(LOST), max_size=5), st.sampled_from(LIVE))
def test_a_live_or_finished_job_is_taken_over(lost: list[JobStatus], live: JobStatus):
    known = jobs(*lost, live)
    assert current_job(NAME, known) == (known[-1].submission_id, known[-1])


@given(st.lists(st.sampled_from(LOST), max_size=5))
def test_only_lost_jobs_raise_the_attempt(lost: list[JobStatus]):
    assert current_job(NAME, jobs(*lost))[0] == f"{NAME}-{len(lost) + 1}"


def test_the_attempt_outgrows_jobs_that_the_cluster_has_forgotten():
    assert current_job(NAME, [Job(f"{NAME}-7", JobStatus.FAILED)])[0] == f"{NAME}-8"


def test_a_forced_run_is_not_taken_for_an_attempt_of_the_first():
    others = jobs(JobStatus.RUNNING, name="sortline-ab12-2-train")
    assert current_job(NAME, others) == (f"{NAME}-1", None)


@pytest.mark.parametrize("name", ["a/b", "a#b", "a?b", "../x", "a b", "", "-a", "a\nb", "a$(x)"])
def test_a_name_that_a_url_or_a_key_would_read_as_something_else_is_refused(name: str):
    with pytest.raises(RayNameError, match="expected letters"):
        checked_name(name)
