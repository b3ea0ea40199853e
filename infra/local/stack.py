"""The one-machine stack: bring it up, look at it, take it down."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from infra.airflow_api import AirflowApi
from infra.local.asking import login
from infra.local.checks import external_airflow_login
from infra.local.environment import no_proxy
from infra.local.health import require_healthy, statuses
from infra.local.home import Home
from infra.local.parts import Part, PartStatus
from infra.local.plan import Plan
from infra.local.start import bring_up
from infra.local.state import read_state
from infra.local.stop import take_down
from infra.local.supervisor import Supervisor
from infra.local.training_pool import keep_training_pool, offer_training_pool
from infra.local.variables import client_variables
from infra.local.vault import USERNAME
from tasks.settings import Settings

Report = Callable[[str], None]


class Stack:
    """The stack of one home. Making one starts nothing and writes nothing.

    Whatever needs the home raises SpecError where it is no folder that this user may use.
    """

    def __init__(self, home: Home, env: Mapping[str, str]) -> None:
        self._home = home
        self._env = dict(env)

    @classmethod
    def at(cls, home: Path, env: Mapping[str, str]) -> Self:
        """The stack that lives in a folder.

        Args:
          home: its folder, made at the first `up`.
          env: the user's environment: what names external parts, and what children may see.
        """
        return cls(Home(home.expanduser().resolve()), env)

    @property
    def home(self) -> Path:
        """The folder, absolute."""
        return self._home.root

    @property
    def _plan(self) -> Plan:
        return Plan(self._home, read_state(self._home))

    def up(self, report: Report) -> list[PartStatus]:
        """Start what is missing; return when all is healthy.

        Args:
          report: gets a line at every step that a person would like to see.

        Raises:
          CredentialError: a part refuses our credential.
          ClusterError: a part does not come up, or there is no disk space.
          SpecError: the home cannot be used, or a given address.
        """
        found = bring_up(self._home, self._env, report)
        api = AirflowApi(self.airflow_url, self.airflow_login())
        is_external = self._plan.is_external(Part.API_SERVER)
        look_after = offer_training_pool if is_external else keep_training_pool
        look_after(api, self.settings(), report)
        return found

    def down(self, report: Report) -> list[PartStatus]:
        """Stop everything of ours, however it was orphaned; data stay."""
        return take_down(self._home, report)

    def status(self) -> list[PartStatus]:
        """Every part, asked now."""
        return statuses(self._plan, Supervisor(self._home).processes())

    def is_started(self) -> bool:
        """Whether it was brought up and not taken down, healthy or not."""
        return Supervisor(self._home).is_up()

    def is_up(self) -> bool:
        """Whether every part is healthy."""
        return all(part.healthy for part in self.status())

    def require_healthy(self) -> None:
        """Return only if every part is healthy, asked now.

        Raises:
          CredentialError: a part refuses our credential.
          ClusterError: names the parts that are down.
        """
        require_healthy(self._plan, Supervisor(self._home).processes())

    def settings(self) -> Settings:
        """The addresses of this stack, external parts included."""
        return Settings.from_env(self.environment())

    def environment(self) -> dict[str, str]:
        """What a process on this machine needs to reach the stack: addresses and file names."""
        return client_variables(self._plan) | no_proxy(self._env)

    @property
    def airflow_url(self) -> str:
        """Airflow's UI and API."""
        return self._plan.airflow_url

    def airflow_login(self) -> tuple[str, str]:
        """User name and password of Airflow."""
        if self._plan.is_external(Part.API_SERVER):
            return external_airflow_login(self._plan)
        return USERNAME, json.loads(self._plan.vault.airflow_passwords.read_bytes())[USERNAME]

    @property
    def mlflow_url(self) -> str:
        """MLflow's UI and API."""
        return self._plan.mlflow_uri

    def mlflow_login(self) -> tuple[str, str]:
        """User name and password of MLflow; empty where an external one asks for none."""
        path = self._plan.mlflow_credentials_file
        return login(Part.MLFLOW, path) if path is not None else ("", "")

    @property
    def ray_dashboard_url(self) -> str:
        """Ray's dashboard and Jobs API."""
        return self._plan.ray_address

    @property
    def ray_token_file(self) -> Path | None:
        """File with Ray's token; None where an external Ray asks for none."""
        return self._plan.ray_token_file

    def log_of(self, part: str) -> Path:
        """The log file of a part."""
        return self._home.log_of(part)
