"""The notifier on a task of ours: when it is called, what it sends, what it never breaks."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace

import pytest

from ray_jobs.contract.errors import DataError
from tests.serving import serving

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

SECRET = "secret-path"
LINK = "http://airflow/dags/retrain_classifier/runs/manual__1/tasks/gate?try_number=3"


@pytest.fixture
def hook(monkeypatch):
    """The webhook's server, named by the connection."""
    from tasks.notices import webhook

    monkeypatch.setattr(webhook, "PAUSES_S", (0, 0))
    codes: list[int] = []
    with serving(lambda _: (codes.pop(0) if codes else 200, {})) as server:
        server.codes = codes
        connect(monkeypatch, f"{server.url}/{SECRET}")
        yield server


def connect(monkeypatch, url: str) -> None:
    fields = {"conn_type": "http", "extra": {"url": url}, "password": "a-token"}
    monkeypatch.setenv("AIRFLOW_CONN_SORTLINE_WEBHOOK", json.dumps(fields))


def context(loaded, exception=None, task_id="gate"):
    dag = loaded.dags["retrain_classifier"]
    instance = SimpleNamespace(
        dag_id=dag.dag_id, run_id="manual__1", task_id=task_id, try_number=3, log_url=LINK
    )
    return {
        "dag": dag,
        "task": dag.get_task(task_id),
        "ti": instance,
        "exception": exception,
    }


def end(loaded, state, exception):
    """A try's end, as Airflow's task process has it."""
    from airflow.sdk.api.datamodels._generated import TaskInstanceState
    from airflow.sdk.execution_time import task_runner

    known = context(loaded, exception)
    instance = SimpleNamespace(
        **vars(known["ti"]), task=known["task"], start_date=None, end_date=None, stats_tags={}
    )
    log = logging.getLogger("task")
    task_runner.finalize(instance, TaskInstanceState(state), known, log, exception)


ERROR = DataError("no images", "some images", "Add some")


def test_a_task_that_failed_for_good_is_told(loaded, hook):
    end(loaded, "failed", ERROR)
    (request,) = hook.requests
    assert request.path == f"/{SECRET}"
    assert request.headers["Authorization"] == "Bearer a-token"
    assert request.body["event"] == "task_failed"
    assert (request.body["task_id"], request.body["try_number"]) == ("gate", 3)
    assert request.body["cause"]["fact"] == "no images"
    assert request.body["link"] == LINK
    assert request.body["next_step"].startswith("Add some.")


@pytest.mark.parametrize("state", ["success", "up_for_retry", "skipped"])
def test_a_success_a_skip_and_a_try_that_is_followed_by_another_page_nobody(loaded, hook, state):
    end(loaded, state, None if state == "success" else ERROR)
    assert hook.requests == []


def test_every_task_of_every_dag_tells_of_its_failure(loaded):
    from dags.notifying import WebhookNotifier

    for dag in loaded.dags.values():
        for task in dag.tasks:
            assert [type(one) for one in task.on_failure_callback] == [WebhookNotifier]


def test_a_webhook_that_is_away_breaks_nothing_and_is_a_warning(loaded, hook, caplog):
    from dags.notifying import WebhookNotifier

    hook.codes += [500, 500, 500]
    WebhookNotifier()(context(loaded, ERROR))
    (record,) = [one for one in caplog.records if one.levelname == "WARNING"]
    assert record.getMessage().endswith("did not take the notice: HTTP 500")
    assert len(hook.requests) == 3


def test_without_the_connection_nothing_is_sent_and_one_line_says_so(
    loaded, hook, monkeypatch, caplog
):
    from dags.notifying import WebhookNotifier

    caplog.set_level(logging.INFO, "dags.notifying")
    monkeypatch.delenv("AIRFLOW_CONN_SORTLINE_WEBHOOK")
    WebhookNotifier()(context(loaded, ERROR))
    assert hook.requests == []
    (record,) = [one for one in caplog.records if one.name == "dags.notifying"]
    assert record.getMessage() == ("no notice is sent: there is no connection 'sortline_webhook'")


def test_no_secret_is_logged(loaded, hook, caplog):
    from dags.notifying import WebhookNotifier

    caplog.set_level(logging.DEBUG)
    WebhookNotifier()(context(loaded, ERROR))
    assert len(hook.requests) == 1
    assert SECRET not in caplog.text
    assert "a-token" not in caplog.text


def test_what_airflow_masks_is_not_sent(loaded, hook):
    from airflow.sdk.log import mask_secret

    from dags.notifying import WebhookNotifier

    mask_secret("hunter2-hunter2")
    WebhookNotifier()(context(loaded, ValueError("login hunter2-hunter2 refused")))
    assert hook.requests[0].body["cause"]["fact"] == "ValueError: login *** refused"


def test_a_question_is_told_when_it_is_asked(loaded, hook):
    task = loaded.dags["retrain_classifier"].get_task("approve")
    (notifier,) = task.notifiers
    notifier(context(loaded, task_id="approve"))
    assert hook.requests[0].body["event"] == "approval_wanted"
    assert hook.requests[0].body["cause"]["fact"] == "Promote the candidate?"
