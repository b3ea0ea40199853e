"""Parts that are the user's: which ones, and with what credential."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from infra.local.identities import RIGHTS
from infra.local.parts import Part
from infra.local.plan import EXTERNAL_ADDRESS, EXTERNAL_VARIABLES, Plan
from ray_jobs.contract.errors import SpecError

_PROFILE = "SORTLINE_S3_PROFILE"


def external_variables(env: Mapping[str, str], before: Plan) -> dict[str, str]:
    """What of the user's environment names external parts; file names are made absolute.

    A shell that was pointed at this stack names our own parts; these stay ours.

    Raises:
      SpecError: an address carries a login.
    """
    found: dict[str, str] = {}
    for part, variable in EXTERNAL_ADDRESS.items():
        address = _address(env, part)
        if address and (before.is_external(part) or address != before.address(part)):
            names = (variable, *EXTERNAL_VARIABLES[part])
            found |= {name: _absolute(name, env[name]) for name in names if env.get(name)}
    if EXTERNAL_ADDRESS[Part.SEAWEEDFS] in found:
        found |= _profile(found)
    return found


def _address(env: Mapping[str, str], part: Part) -> str:
    variable = EXTERNAL_ADDRESS[part]
    address = env.get(variable, "").rstrip("/")
    if "@" in address:  # It would be kept in `stack.json`, shown by `status`, and logged by tasks.
        file = next(name for name in EXTERNAL_VARIABLES[part] if name.endswith("_FILE"))
        raise SpecError(
            f"{variable} carries a user name or a password",
            "an address without either: scheme, host and port",
            f"Put the credential into a file and name it with {file}",
        )
    return address


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


def refuse_other_externals(running: Plan, env: Mapping[str, str]) -> None:
    """Refuse to mix a running stack with external parts that it was not started with.

    Raises:
      SpecError: names the first difference, or the address that carries a login.
    """
    for part, variable in EXTERNAL_ADDRESS.items():
        wanted = _address(env, part)
        if wanted and wanted != running.address(part):
            raise SpecError(
                f"the stack is up with {part} at {running.address(part)}, not at {wanted}",
                "the parts that it was started with",
                f"Run `sortline down` first, or unset {variable}",
            )
