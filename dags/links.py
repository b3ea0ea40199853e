"""Where a task leads: MLflow's page of the run, the report."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink


class ResultLink(BaseOperatorLink):
    """A link to the address that a task of this run returned under a key.

    Args:
      name: what the button says.
      task_id: whose result holds the address.
      key: its key there.
    """

    def __init__(self, name: str, task_id: str, key: str) -> None:
        self._name = name
        self._task_id = task_id
        self._key = key

    @property
    def name(self) -> str:
        """What the button says."""
        return self._name

    @property
    def xcom_key(self) -> str:
        """Where Airflow keeps the address: one a name, or two links of a task would share it."""
        return f"_link_{self._name.replace(' ', '_')}"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ANN401 - Airflow's own
        """The address; empty, and so no button, where the task has not told one yet.

        Airflow calls this at the end of a task, with the running task instance as `ti_key`.
        """
        result = ti_key.xcom_pull(task_ids=self._task_id)
        return str((result or {}).get(self._key, ""))


MLFLOW_RUN = ResultLink("MLflow run", "register", "run_url")
REPORT = ResultLink("Report", "report", "page")


def with_links(output: Any, *links: ResultLink) -> Any:  # noqa: ANN401 - a task of Airflow's
    """The task, with links on its page; for one made by `@task`, which takes none."""
    output.operator.operator_extra_links = links
    return output
