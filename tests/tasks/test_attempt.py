"""Which Ray job a step of a run is, whatever else the cluster knows (ADR 0002)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.operators.jobs_api import Job, JobStatus
from tasks.operators.naming import current_job

RUN, STEP = "0123456789ab", "train"
ENDED_BADLY = st.sampled_from([JobStatus.FAILED, JobStatus.STOPPED])
ALIVE = st.sampled_from([JobStatus.PENDING, JobStatus.RUNNING, JobStatus.SUCCEEDED])
NAME = f"sortline-{RUN}-{STEP}"
OTHER_NAMES = st.tuples(
    st.sampled_from([f"{RUN}-2", f"{RUN}-22", "ffffffffffff", RUN]),
    st.sampled_from(["train", "export", "train-2", "retrain"]),
).map(lambda pair: f"sortline-{pair[0]}-{pair[1]}")
OTHERS = st.lists(
    st.builds(
        lambda name, attempt, status: Job(f"{name}-{attempt}", status),
        OTHER_NAMES.filter(lambda name: name != NAME),
        st.integers(1, 30),
        st.one_of(ENDED_BADLY, ALIVE),
    )
)


def attempts(statuses):
    return [Job(f"{NAME}-{number}", status) for number, status in enumerate(statuses, start=1)]


@given(st.lists(ENDED_BADLY, max_size=12), OTHERS, st.randoms())
def test_attempt_is_one_more_than_the_jobs_that_ended_badly(ended, others, random):
    jobs = attempts(ended) + others
    random.shuffle(jobs)
    assert current_job(NAME, jobs) == (f"{NAME}-{len(ended) + 1}", None)


@given(st.lists(ENDED_BADLY, max_size=12), ALIVE, OTHERS, st.randoms())
def test_job_that_waits_runs_or_is_done_is_taken_over(ended, alive, others, random):
    mine = attempts([*ended, alive])
    jobs = mine + others
    random.shuffle(jobs)
    assert current_job(NAME, jobs) == (mine[-1].submission_id, mine[-1])
