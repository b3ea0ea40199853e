"""What was settled at `up`, kept in the home so that every later command agrees."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from infra.local.home import Home, using, write_private
from ray_jobs.contract.errors import ClusterError


class StackState(BaseModel):
    """`stack.json`: addresses and names, no secret.

    `external` holds the variables of the user that name external parts and their credential files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: Literal[1] = 1
    ports: dict[str, int] = {}
    external: dict[str, str] = {}
    bucket: str = "sortline"
    code_version: str = ""


def read_state(home: Home) -> StackState:
    """The state of a home; an empty one before the first `up`.

    Raises:
      SpecError: the home cannot be used.
      ClusterError: the file is damaged.
    """
    try:
        with using(home):
            return StackState.model_validate_json(_read(home.state_file))
    except ValidationError as error:
        raise ClusterError(
            f"{home.state_file} cannot be read: {error.errors()[0]['msg']}",
            "the file that `sortline up` wrote",
            "Run `sortline down`, then remove it: ports are chosen anew",
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b"{}"


def write_state(home: Home, state: StackState) -> Path:
    """Keep the state."""
    write_private(home.state_file, state.model_dump_json(indent=2) + "\n")
    return home.state_file
