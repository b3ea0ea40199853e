"""Parts that are the user's: which ones, and with what credential."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from infra.local.identities import RIGHTS
from infra.local.parts import Part
from infra.local.plan import EXTERNAL_ADDRESS, EXTERNAL_VARIABLES
from infra.local.state import StackState
from ray_jobs.contract.errors import SpecError

_PROFILE = "SORTLINE_S3_PROFILE"


def external_variables(env: Mapping[str, str]) -> dict[str, str]:
    """What of the user's environment names external parts; file names are made absolute.

    >>> external_variables({"SORTLINE_RAY_ADDRESS": "http://ray:8265", "AWS_PROFILE": "team"})
    {'SORTLINE_RAY_ADDRESS': 'http://ray:8265'}
    """
    found: dict[str, str] = {}
    for part, address in EXTERNAL_ADDRESS.items():
        if env.get(address):
            names = (address, *EXTERNAL_VARIABLES[part])
            found |= {name: _absolute(name, env[name]) for name in names if env.get(name)}
    if EXTERNAL_ADDRESS[Part.SEAWEEDFS] in found:
        found |= _profile(found)
    return found


def _absolute(name: str, value: str) -> str:
    return str(Path(value).expanduser().absolute()) if name.endswith("_FILE") else value


def _profile(found: Mapping[str, str]) -> dict[str, str]:
    """One profile for every step, unless the user's file has one a step."""
    given = found.get(_PROFILE) or found.get("AWS_PROFILE")
    if given:
        return {_PROFILE: given}
    path = found.get("AWS_SHARED_CREDENTIALS_FILE", Path.home() / ".aws" / "credentials")
    ini = configparser.ConfigParser(interpolation=None)
    ini.read(path)
    return {} if all(ini.has_section(step) for step in RIGHTS) else {_PROFILE: "default"}


def refuse_other_externals(state: StackState, env: Mapping[str, str]) -> None:
    """Refuse to mix a running stack with external parts that it was not started with.

    Raises:
      SpecError: names the first difference.
    """
    for variable in EXTERNAL_ADDRESS.values():
        wanted, running = env.get(variable), state.external.get(variable)
        if wanted and wanted != running:
            raise SpecError(
                f"the stack is up with {variable}={running or '(its own part)'}, not {wanted}",
                "the parts that it was started with",
                "Run `sortline down` first, or unset the variable",
            )
