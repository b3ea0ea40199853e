"""A person's word before a promotion: Airflow's ApprovalOperator, asked only where it matters."""

from __future__ import annotations

import logging
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context

from dags import judging
from dags.notifying import WebhookNotifier
from dags.shared import step
from tasks.judging.approval import RESPONSE_LIMIT, Answer, Approval
from tasks.notices.notice import Event

log = logging.getLogger(__name__)


class AskBeforePromotion(ApprovalOperator):
    """Asks where the run wants it and the gate would promote; otherwise it succeeds at once.

    A rejection fails nothing and skips nothing, unlike its base's: the answer is the XCom, and
    `promote` makes the verdict of it. Without an answer in time, the default is to reject.

    A second question of one task instance (after a clear) shows the first one's text in Airflow
    3.3.2, so the text of now goes to the task's log too.
    """

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - those of BaseOperator
        super().__init__(
            subject="Promote the candidate?",
            defaults=self.REJECT,
            # Given, or the base takes `execution_timeout` for it (a deprecated habit).
            response_timeout=RESPONSE_LIMIT,
            notifiers=[WebhookNotifier(Event.APPROVAL_WANTED)],
            **kwargs,
        )

    @step
    def execute(self, context: Context) -> Any:  # noqa: ANN401 - the base knows of no answer at once
        """Ask and wait (the task is `awaiting_input`), or say that there is nothing to ask."""
        question = judging.question()
        if question is None:
            return Approval(answer=Answer.NOT_ASKED).model_dump(mode="json")
        self.subject, self.body = question
        if context["ti"].try_number > 1:
            log.warning("asked again: an answer to the question before does not count")
        log.info("%s\n\n%s", self.subject, self.body)
        return super().execute(context)

    @step
    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """The answer, and whose it is."""
        # Past ApprovalOperator, which would skip what comes after.
        super(ApprovalOperator, self).execute_complete(context, event)
        return _approval(event).model_dump(mode="json")


def _approval(event: dict[str, Any]) -> Approval:
    user = event["responded_by_user"]
    if event.get("timedout") or user is None:
        return Approval(answer=Answer.TIMED_OUT)
    chosen: list[str] = event["chosen_options"]
    approved = chosen == [ApprovalOperator.APPROVE]
    return Approval(answer=Answer.APPROVED if approved else Answer.REJECTED, by=user["name"])
