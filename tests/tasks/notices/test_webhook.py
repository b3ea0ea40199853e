"""What a webhook is told, against a real server on loopback."""

from __future__ import annotations

import logging
import socket
import time

import pytest

from ray_jobs.contract.errors import ClusterError, DataError
from tasks.notices import notice, webhook
from tasks.notices.notice import Event, Where
from tasks.notices.webhook import Webhook
from tests.serving import serving

SECRET = "T0/hooks/secret-path"
TOKEN = "a-bearer-token"
WHERE = Where("retrain_classifier", "manual__1", "train", 3, "http://airflow/dags/x")
NOTICE = notice.of_failure(WHERE, DataError("no images", "some images", "Add some"))


def taken(_):
    return 200, {}


def scripted(*codes: int):
    left = list(codes)
    return lambda _: (left.pop(0), {})


def post(url: str, token: str | None = TOKEN) -> tuple[str | None, list[float]]:
    slept: list[float] = []
    return webhook.post(Webhook(url, token), NOTICE, sleep=slept.append), slept


def test_a_failure_is_told_with_its_cause_its_link_and_the_next_step():
    with serving(taken) as server:
        assert post(f"{server.url}/{SECRET}") == (None, [])
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", f"/{SECRET}")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.body == {
        "event": "task_failed",
        "dag_id": "retrain_classifier",
        "run_id": "manual__1",
        "task_id": "train",
        "try_number": 3,
        "cause": {"fact": "no images", "expectation": "some images", "remedy": "Add some"},
        "link": "http://airflow/dags/x",
        "next_step": "Add some. Then clear task 'train' of this run: it goes on where it was.",
    }


def test_without_a_token_no_credential_is_sent():
    with serving(taken) as server:
        post(server.url, None)
    assert "Authorization" not in server.requests[0].headers


def test_the_error_that_airflow_s_own_was_raised_from_is_told():
    wrapped = RuntimeError("no images; expected some images. Add some.")
    wrapped.__cause__ = DataError("no images", "some images", "Add some")
    assert notice.of_failure(WHERE, wrapped).cause == NOTICE.cause


@pytest.mark.parametrize(
    ("exception", "fact"),
    [
        (KeyError("epochs"), "KeyError: 'epochs'"),
        (None, "the task's process was ended from outside, or lost its heartbeat"),
        ("said the scheduler", "said the scheduler"),
    ],
)
def test_what_nobody_foresaw_is_told_as_it_is(exception, fact):
    told = notice.of_failure(WHERE, exception)
    assert told.cause.model_dump() == {"fact": fact, "expectation": None, "remedy": None}
    assert told.next_step.startswith("Look at the task's log, behind the link")


def test_a_long_text_is_cut():
    assert len(notice.of_failure(WHERE, ValueError("x" * 5000)).cause.fact) == 1000


def test_a_question_is_told_with_where_to_answer():
    told = notice.of_question(WHERE, "Promote version 2 of sample?")
    assert (told.event, told.cause.fact) == (
        Event.APPROVAL_WANTED,
        "Promote version 2 of sample?",
    )
    assert "required actions" in told.next_step


def test_a_server_s_fault_is_tried_again():
    with serving(scripted(500, 429, 200)) as server:
        assert post(server.url) == (None, [0.5, 2.0])
    assert len(server.requests) == 3


def test_it_is_given_up_after_the_third_try():
    with serving(scripted(500, 502, 503, 200)) as server:
        assert post(server.url) == ("HTTP 503", [0.5, 2.0])
    assert len(server.requests) == 3


@pytest.mark.parametrize("code", [301, 401, 404])
def test_a_refusal_is_not_tried_again(code):
    with serving(scripted(code, 200)) as server:
        assert post(server.url) == (f"HTTP {code}", [])


def test_a_dead_port_is_no_exception():
    with socket.socket() as bound:  # bound and not listening: refused, and nobody else's
        bound.bind(("127.0.0.1", 0))
        why, slept = post(f"http://127.0.0.1:{bound.getsockname()[1]}/{SECRET}")
    assert (why, slept) == ("ConnectError", [0.5, 2.0])


def test_a_server_that_never_answers_is_left_after_the_time_limit(monkeypatch):
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        why, _ = post(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert why == "ReadTimeout"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("url", ["", "ftp://x/y", "http://x:port"])
def test_an_address_that_is_none_is_no_exception(url):
    why, slept = post(url)
    assert why
    assert slept == []


def test_a_token_that_no_header_can_hold_is_no_exception_and_not_told():
    with serving(taken) as server:
        assert post(server.url, "a\nb") == ("LocalProtocolError", [])
    assert server.requests == []


def test_no_secret_is_logged_or_told(caplog):
    caplog.set_level(logging.DEBUG)
    with serving(scripted(500, 404)) as server:
        why, _ = post(f"{server.url}/{SECRET}")
    assert SECRET not in caplog.text
    assert TOKEN not in caplog.text
    assert why == "HTTP 404"
    assert SECRET not in repr(Webhook(SECRET, TOKEN))
    assert TOKEN not in f"{Webhook(SECRET, TOKEN)}"


def test_httpx_is_heard_again_afterwards():
    with serving(taken) as server:
        post(server.url)
    assert logging.getLogger("httpx").filters == []


def test_the_errors_that_are_retried_have_a_remedy_too():
    told = notice.of_failure(WHERE, ClusterError("Ray is away", "a cluster", "Look at Ray"))
    assert told.next_step.startswith("Look at Ray. Then clear task 'train'")
