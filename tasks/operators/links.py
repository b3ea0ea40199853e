"""The link from a task to its job on Ray's dashboard."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink


class RayJobLink(BaseOperatorLink):
    """Opens the job on Ray's dashboard; there while the task is deferred, too."""

    @property
    def name(self) -> str:
        """What the button says."""
        return "Ray job"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ANN401 - Airflow's own
        """The job's page. Airflow calls this at the end of `execute`, on the same instance."""
        return str(operator.job_url)
