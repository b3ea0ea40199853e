"""WebhookNotifier: tells a webhook, in JSON, what failed or waits, why, and what to do next."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import BaseNotifier, Connection, Context
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError
from airflow.sdk.log import mask_secret, redact  # pyright: ignore[reportPrivateImportUsage]

from tasks.notices import notice, webhook
from tasks.notices.notice import Event, Notice, Where
from tasks.notices.webhook import Webhook

CONNECTION_ID = "sortline_webhook"

log = logging.getLogger(__name__)


class WebhookNotifier(BaseNotifier):
    """Posts to the connection `sortline_webhook`; where there is none, it sends nothing.

    The address is the connection's extra `url` (kept as a secret), else its host; the password, if
    any, is sent as the bearer token. A webhook that does not answer is a warning in the task's
    log and changes nothing else.

    Args:
      event: what is told.
    """

    def __init__(self, event: Event = Event.TASK_FAILED) -> None:
        super().__init__()
        self.event = event

    def notify(self, context: Context) -> None:
        """Tell the webhook, if there is one."""
        try:
            to = _webhook()
        except AirflowRuntimeError as error:
            log.warning("connection '%s' cannot be read: %s", CONNECTION_ID, type(error).__name__)
            return
        if to is None:
            log.info("no notice is sent: there is no connection '%s'", CONNECTION_ID)
            return
        why = webhook.post(to, self._notice(context))
        if why is None:
            log.info("notice '%s' sent to connection '%s'", self.event.value, CONNECTION_ID)
        else:
            log.warning("connection '%s' did not take the notice: %s", CONNECTION_ID, why)

    def _notice(self, context: Context) -> Notice:
        where = _where(context)
        if self.event is Event.APPROVAL_WANTED:
            return notice.of_question(where, getattr(context["task"], "subject", where.task_id))
        told = notice.of_failure(where, context.get("exception"))
        # What Airflow masks in its logs stays at home too.
        return told.model_copy(update={"cause": notice.Cause(**_masked(told.cause.model_dump()))})


def _masked(texts: dict[str, str | None]) -> dict[str, Any]:
    return {name: text and redact(text) for name, text in texts.items()}


def _webhook() -> Webhook | None:
    try:
        found: Any = Connection.get(CONNECTION_ID)
    except AirflowNotFoundException:
        return None
    fields = {name: getattr(found, name) for name in ("conn_type", "host", "schema", "port")}
    url = webhook.address(fields | {"extra": found.extra_dejson})
    mask_secret(url)
    return Webhook(url, found.password or None)


def _where(context: Context) -> Where:
    task_instance: Any = context["ti"]
    return Where(
        dag_id=task_instance.dag_id,
        run_id=task_instance.run_id,
        task_id=task_instance.task_id,
        try_number=task_instance.try_number,
        link=task_instance.log_url,
    )
