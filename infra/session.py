"""What every command stands on: a home, its stack, and the screen."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from infra.airflow_api import AirflowApi
from infra.follow import airflow_down
from infra.local.home import write_private
from infra.local.stack import Stack
from infra.screen import Screen
from ray_jobs.contract import keys
from ray_jobs.contract.errors import ClusterError, SpecError
from ray_jobs.storage import ObjectStore, Store
from tasks.judging import champion, roll
from tasks.names import dataset_name
from tasks.settings import DATASET_VARIABLE, Settings

DAG_IDS = ("ingest_dataset", "retrain_classifier")
DAGS_LIMIT_S = 120.0


@dataclass(frozen=True)
class Session:
    """One call of the command line. What a person reads goes to `screen` (standard error)."""

    stack: Stack
    screen: Screen

    @classmethod
    def open(cls, home: Path) -> Session:
        """The stack of a home, started or not."""
        return cls(Stack.at(home, os.environ), Screen(Console(stderr=True)))

    @property
    def logs(self) -> Path:
        """Where the log of what went wrong is put."""
        return self.stack.home / "logs"

    def require_up(self) -> None:
        """Point this process at the stack.

        Raises:
          ClusterError: a part is not healthy.
          CredentialError: a part refuses our credential.
        """
        self.stack.require_healthy()
        self.point_at_stack()

    def point_at_stack(self) -> None:
        """Point this process at the stack's addresses, whatever its health: to roll back, say.

        Raises:
          ClusterError: it was never started, so it has none.
        """
        if self.settings().s3_endpoint is None:
            raise ClusterError(
                f"the stack in {self.stack.home} is not up: it was never started",
                "a stack that was started, and its object store up",
                "Run `sortline up`, or name another with --home",
            )
        os.environ.update(self.stack.environment())

    def settings(self) -> Settings:
        """Where the parts are."""
        return self.stack.settings()

    def store(self, profile: str) -> ObjectStore:
        """The bucket, as one of its identities."""
        return self.settings().store(profile)

    def keep_report(self, run_id: str) -> Path:
        """A run's report as a file of this machine, readable when the stack is down."""
        path = self.stack.home / "reports" / f"{run_id}.html"
        html = self.store("serve").get(keys.judged(run_id, "report.html"))
        write_private(path, html.decode())
        return path

    def airflow(self) -> AirflowApi:
        """Airflow, logged in, with our DAGs read.

        Raises:
          ClusterError: one of its parts does not answer, or it does not read the DAGs.
        """
        api = AirflowApi(self.stack.airflow_url, self.stack.airflow_login())
        bad = api.unhealthy_parts()
        if bad:
            raise airflow_down(bad)
        limit = time.monotonic() + DAGS_LIMIT_S
        while missing := [dag_id for dag_id in DAG_IDS if not api.has_dag(dag_id)]:
            if time.monotonic() > limit:
                raise ClusterError(
                    f"Airflow has not read {', '.join(missing)}",
                    f"every DAG within {DAGS_LIMIT_S:.0f} s of its start",
                    f"Look at {self.stack.log_of('airflow-dag-processor')}",
                )
            time.sleep(0.5)
        return api

    def model(self, name: str | None, store: Store) -> str:
        """`name`, or the only model that has a champion; the store tells it, not Airflow.

        Raises:
          SpecError: there is no such model; or none is named and several have a champion, or none
            has and not just one is registered.
        """
        if name is not None:
            return _registered(store, name)
        known = champion.models(store) or roll.models(store)
        if len(known) == 1:
            return known[0]
        raise SpecError(
            "no model is named, and there are several" if known else "no model is registered yet",
            f"one of: {', '.join(known) or '(none yet)'}",
            "Pass --name NAME" if known else "Run `sortline retrain` first",
        )

    def dataset(self, name: str | None) -> str:
        """`name`, or the data set of the settings. Raises SpecError where there is neither."""
        if name:
            return dataset_name(name)
        chosen = self.airflow().variable(DATASET_VARIABLE)
        if not chosen:
            raise SpecError(
                "no data set is named",
                f"--name NAME, or the Airflow Variable '{DATASET_VARIABLE}'",
                "Run `sortline ingest --source SOURCE` first, or pass --name",
            )
        return chosen


def _registered(store: Store, name: str) -> str:
    known = roll.models(store)
    if dataset_name(name) in known:
        return name
    raise SpecError(
        f"there is no model '{name}'",
        f"one of: {', '.join(known) or '(none yet)'}",
        f"Name one of these, or run `sortline retrain --name {name}` first",
    )
