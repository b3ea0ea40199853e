"""The Jobs API of the pinned Ray, behind its token: what `jobs_api.py` says it is."""

from __future__ import annotations

import asyncio
import json
import shlex
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from infra.local.stack import Stack
from tasks.operators.errors import RayApiError, RayRefusedError
from tasks.operators.jobs_api import Job, JobRequest, JobsApi, JobStatus
from tasks.operators.log_tail import LogTail
from tasks.operators.operator import is_own_fault
from tasks.operators.stopping import stop_and_wait

pytestmark = pytest.mark.e2e

HOSTILE = [
    "; rm -rf x",
    'it\'s "quoted" `id`',
    "two\nlines\n",
    "$(reboot) ${HOME} $HOME",
    "a && b | c > d",
    "--option=value with blanks",
    "",
    "üñí ✓",
    "back\\slash \\n",
    "* ? [a] {a,b} ~ !! #",
]


# Goes on after the fourth once the file is there that it was given.
EPOCHS = """
import pathlib, sys, time
for n in range(6):
    print('epoch', n)
    while n == 3 and not pathlib.Path(sys.argv[1]).exists():
        time.sleep(0.1)
print('no newline', end='')
"""


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[JobsApi]:
    async with client(stack, (stack.ray_token_file or stack.home).read_text().strip()) as one:
        yield JobsApi(one)


def client(stack: Stack, token: str | None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(base_url=stack.ray_dashboard_url, headers=headers, timeout=30)


def python(code: str, *arguments: str) -> JobRequest:
    return JobRequest(["python", "-u", "-c", code, *arguments])


async def submit(api: JobsApi, request: JobRequest) -> str:
    """A job under an id of its own: tests share the stack."""
    submission_id = f"contract-{uuid.uuid4().hex[:12]}"
    await api.submit(submission_id, request)
    return submission_id


async def ended(api: JobsApi, submission_id: str) -> Job:
    while True:
        job = await api.find(submission_id)
        assert job is not None
        if job.status.is_terminal:
            return job
        await asyncio.sleep(0.2)


async def log_of(api: JobsApi, submission_id: str) -> list[str]:
    job = await api.find(submission_id)
    assert job is not None
    assert job.node_id is not None
    return [line async for line in api.read_log(submission_id, job.node_id, ended=True)]


def event_of(job: Job) -> dict[str, object]:
    return {"error_type": job.error_type, "exit_code": job.exit_code}


async def test_hostile_arguments_arrive_as_they_were_sent(api: JobsApi):
    code = "import json, sys; print('argv ' + json.dumps(sys.argv[1:]))"
    submission_id = await submit(api, python(code, *HOSTILE))
    assert (await ended(api, submission_id)).status is JobStatus.SUCCEEDED
    (line,) = [one for one in await log_of(api, submission_id) if one.startswith("argv ")]
    assert json.loads(line.removeprefix("argv ")) == HOSTILE


async def test_a_job_that_succeeds_tells_node_times_and_exit_code(api: JobsApi):
    before_ms = time.time() * 1000
    submission_id = await submit(api, python("print('hello')"))
    job = await ended(api, submission_id)
    assert (job.submission_id, job.status) == (submission_id, JobStatus.SUCCEEDED)
    assert (job.exit_code, job.error_type) == (0, None)
    assert job.node_id
    assert job.start_ms is not None
    assert job.end_ms is not None
    assert before_ms - 1000 <= job.start_ms <= job.end_ms <= time.time() * 1000 + 1000
    assert job in await api.list()


async def test_the_environment_reaches_the_job_and_only_what_was_given(api: JobsApi):
    code = "import os; print('profile', os.environ['AWS_PROFILE'])"
    request = JobRequest(["python", "-c", code], env_vars={"AWS_PROFILE": "nobody-1"})
    submission_id = await submit(api, request)
    await ended(api, submission_id)
    assert "profile nobody-1" in await log_of(api, submission_id)


async def test_a_used_id_counts_as_submitted_and_starts_nothing(api: JobsApi):
    submission_id = await submit(api, python("import time; print('first'); time.sleep(3)"))
    await api.submit(submission_id, python("print('second')"))
    assert (await ended(api, submission_id)).status is JobStatus.SUCCEEDED
    await api.submit(submission_id, python("print('third')"))  # of a finished one, too
    lines = await log_of(api, submission_id)
    assert "first" in lines
    assert not {"second", "third"} & set(lines)


async def test_many_submissions_of_one_id_at_once_are_one_job(api: JobsApi):
    submission_id = f"contract-{uuid.uuid4().hex[:12]}"
    job = python("print('once')")
    await asyncio.gather(*(api.submit(submission_id, job) for _ in range(8)))
    await ended(api, submission_id)
    assert (await log_of(api, submission_id)).count("once") == 1
    assert [one.submission_id for one in await api.list()].count(submission_id) == 1


async def test_an_unknown_job_is_none_and_stopping_it_is_fine(api: JobsApi):
    assert await api.find("contract-unknown") is None
    await api.stop("contract-unknown")
    with pytest.raises(RayApiError, match="GET /api/v0/logs/file: HTTP"):
        await anext(api.read_log("contract-unknown", "0" * 56, ended=True))


async def test_a_request_that_ray_does_not_take_is_our_fault(api: JobsApi):
    wrong = JobRequest(["true"], num_cpus="many")  # pyright: ignore[reportArgumentType]
    with pytest.raises(RayApiError, match=r"POST /api/jobs/: HTTP 4"):
        await api.submit("contract-wrong", wrong)


async def test_a_stopped_job_is_gone_once_its_status_says_so(api: JobsApi):
    code = "import os, time; print('pid', os.getpid()); time.sleep(600)"
    submission_id = await submit(api, python(code))
    pid = await first_line(api, submission_id, "pid ")
    assert psutil.pid_exists(int(pid))
    job = await stop_and_wait(api, submission_id)
    assert job is not None
    assert job.status is JobStatus.STOPPED
    assert not psutil.pid_exists(int(pid))
    await api.stop(submission_id)  # a second stop is fine
    assert (await ended(api, submission_id)).status is JobStatus.STOPPED


async def first_line(api: JobsApi, submission_id: str, start: str) -> str:
    """What follows `start` in the first line of that kind, as soon as it is there."""
    found: list[str] = []
    tail = LogTail(submission_id, found.append).follow(lambda: api, asyncio.Semaphore(1))
    follower = asyncio.create_task(tail)
    try:
        async with asyncio.timeout(60):
            while not (lines := [line for line in found if line.startswith(start)]):
                await asyncio.sleep(0.1)
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
    return lines[0].removeprefix(start)


@pytest.mark.timeout(300)
async def test_a_followed_log_comes_while_the_job_runs_and_is_whole_at_its_end(
    api: JobsApi, tmp_path: Path
):
    go_on = tmp_path / "go-on"
    submission_id = await submit(api, python(EPOCHS, str(go_on)))
    seen: list[tuple[str, JobStatus]] = []
    status = JobStatus.PENDING

    tail = LogTail(submission_id, lambda line: seen.append((line, status)))
    room = asyncio.Semaphore(1)
    follower = asyncio.create_task(tail.follow(lambda: api, room))
    while not status.is_terminal:
        job = await api.find(submission_id)
        assert job is not None
        status = job.status
        if "epoch 3" in {line for line, _ in seen}:
            go_on.touch()
        await asyncio.sleep(0.2)
    follower.cancel()
    await asyncio.gather(follower, return_exceptions=True)
    await tail.catch_up(api, room)
    while_it_ran = [line for line, status in seen if not status.is_terminal]
    assert {"epoch 0", "epoch 3"} <= set(while_it_ran)
    told = [line for line, _ in seen if line.startswith(("epoch", "no newline"))]
    assert told == [*(f"epoch {n}" for n in range(6)), "no newline"]


async def test_a_log_that_is_let_go_takes_no_room(stack: Stack, api: JobsApi):
    """Ray answers 100 questions about logs, nodes and actors at once; the next ones wait."""
    submission_id = await submit(api, python("print('hello')"))
    await ended(api, submission_id)
    for _ in range(11):
        await asyncio.gather(*(first_line(api, submission_id, "hello") for _ in range(10)))
    await asyncio.sleep(5)
    assert "hello" in await log_of(api, submission_id)


async def test_colours_of_a_terminal_are_left_out(api: JobsApi):
    submission_id = await submit(api, python(r"print('\x1b[31mred\x1b[0m')"))
    await ended(api, submission_id)
    assert "red" in await log_of(api, submission_id)


async def test_a_jobs_own_exit_code_is_its_own_fault(api: JobsApi):
    job = await ended(api, await submit(api, python("raise SystemExit(3)")))
    assert (job.status, job.exit_code) == (JobStatus.FAILED, 3)
    assert job.error_type == "JOB_ENTRYPOINT_COMMAND_ERROR"
    assert is_own_fault(event_of(job))


async def test_the_last_lines_of_a_failed_jobs_log_are_in_its_message(api: JobsApi):
    job = await ended(api, await submit(api, python("print('the reason'); raise SystemExit(1)")))
    assert "the reason" in job.message


async def test_a_driver_that_was_killed_is_not_the_jobs_fault(api: JobsApi):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    job = await ended(api, await submit(api, python(code)))
    assert job.status is JobStatus.FAILED
    assert job.exit_code in {137, -9}
    assert not is_own_fault(event_of(job))


async def test_a_command_that_does_not_exist_is_the_jobs_fault(api: JobsApi):
    job = await ended(api, await submit(api, JobRequest(["no-such-command-anywhere"])))
    assert (job.status, job.exit_code) == (JobStatus.FAILED, 127)
    assert is_own_fault(event_of(job))


async def test_ray_hands_the_entry_point_to_a_shell():
    """Why `shlex.join` must stand between: the day that Ray stops doing so, it may go."""
    request = JobRequest(["echo", "a b"]).to_json("a-1")
    assert request["entrypoint"] == shlex.join(["echo", "a b"]) == "echo 'a b'"


@pytest.mark.parametrize("token", [None, "wrong", "x" * 5000])
async def test_without_the_right_token_everything_but_the_version_is_refused(
    stack: Stack, api: JobsApi, token: str | None
):
    submission_id = await submit(api, python("print('secret')"))
    await ended(api, submission_id)
    async with client(stack, token) as stranger:
        other = JobsApi(stranger)
        for call in (
            other.list(),
            other.find(submission_id),
            other.submit("contract-intruder", python("print(1)")),
            other.stop(submission_id),
            anext(other.read_log(submission_id, "0" * 56, ended=True)),
        ):
            with pytest.raises(RayRefusedError, match="refuses the token"):
                await call
    assert await api.find("contract-intruder") is None


async def test_the_version_is_the_pinned_one(api: JobsApi):
    assert await api.version() == "2.60.0"
