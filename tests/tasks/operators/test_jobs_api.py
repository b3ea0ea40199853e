import json
import shlex

import httpx
import pytest

from tasks.operators.jobs_api import (
    JobRequest,
    JobsApi,
    JobStatus,
    RayApiError,
    RayRefusedError,
    RayUnreachableError,
)

RUNNING = {"submission_id": "a-1", "status": "RUNNING", "message": None, "driver_exit_code": None}


class ScriptedDashboard:
    """Answers from a script of (status code, body), one a request, and keeps the requests."""

    def __init__(self, *answers: tuple[int, object]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status, body = self.answers.pop(0)
        return (
            httpx.Response(status, text=body)
            if isinstance(body, str)
            else httpx.Response(status, json=body)
        )


def api(dashboard: ScriptedDashboard) -> JobsApi:
    transport = httpx.MockTransport(dashboard)
    return JobsApi(httpx.AsyncClient(transport=transport, base_url="http://ray"))


@pytest.mark.parametrize(
    "hostile", ["; rm -rf /tmp/x", 'it\'s "quoted"', "two\nlines", "$(reboot)", "`id`", "-x & y"]
)
def test_a_parameter_reaches_the_shell_as_one_word(hostile: str):
    body = JobRequest(["python", "-m", "job", "--spec", hostile]).to_json("a-1")
    assert shlex.split(body["entrypoint"]) == ["python", "-m", "job", "--spec", hostile]


async def test_submitting_a_used_id_counts_as_submitted():
    dashboard = ScriptedDashboard(
        (500, "Traceback ...\nValueError: a-1 already exists"), (200, RUNNING)
    )
    await api(dashboard).submit("a-1", JobRequest(["true"]))
    assert [request.method for request in dashboard.requests] == ["POST", "GET"]


async def test_a_submission_that_failed_and_left_no_job_is_an_error():
    dashboard = ScriptedDashboard((500, "No available agent to submit job"), (404, "unknown"))
    with pytest.raises(RayUnreachableError, match="No available agent"):
        await api(dashboard).submit("a-1", JobRequest(["true"]))


async def test_a_lost_answer_to_a_submission_is_settled_by_looking():
    looked = False

    def dashboard(request: httpx.Request) -> httpx.Response:
        nonlocal looked
        if request.method == "POST":
            raise httpx.ReadTimeout("no answer")
        looked = True
        return httpx.Response(200, json=RUNNING)

    client = httpx.AsyncClient(transport=httpx.MockTransport(dashboard), base_url="http://ray")
    await JobsApi(client).submit("a-1", JobRequest(["true"]))
    assert looked


async def test_jobs_that_were_not_submitted_are_left_out():
    dashboard = ScriptedDashboard((200, [RUNNING, {"submission_id": None, "status": "RUNNING"}]))
    assert [job.submission_id for job in await api(dashboard).list()] == ["a-1"]


async def test_an_unknown_job_is_none():
    assert await api(ScriptedDashboard((404, "does not exist"))).find("a-9") is None


async def test_a_failed_job_carries_exit_code_and_error_type():
    body = RUNNING | {
        "status": "FAILED",
        "error_type": "JOB_ENTRYPOINT_COMMAND_ERROR",
        "driver_exit_code": 2,
    }
    job = await api(ScriptedDashboard((200, body))).find("a-1")
    assert job is not None
    assert (job.status, job.exit_code) == (JobStatus.FAILED, 2)


async def test_a_wrong_token_is_told_apart():
    with pytest.raises(RayRefusedError, match="refuses the token"):
        await api(ScriptedDashboard((401, "Unauthorized"))).list()


async def test_a_bad_request_is_not_taken_for_an_outage():
    with pytest.raises(RayApiError, match="HTTP 400") as caught:
        await api(ScriptedDashboard((400, "bad"))).list()
    assert not isinstance(caught.value, RayUnreachableError)


async def test_the_environment_of_a_job_is_sent_as_it_was_given():
    dashboard = ScriptedDashboard((200, {"submission_id": "a-1"}))
    await api(dashboard).submit("a-1", JobRequest(["true"], env_vars={"AWS_PROFILE": "train"}))
    sent = json.loads(dashboard.requests[0].content)
    assert sent["runtime_env"] == {"env_vars": {"AWS_PROFILE": "train"}}
