"""What it takes to start a part: a command, its variables, and secrets by file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple


class Launch(NamedTuple):
    """A command to run; `secrets` maps a variable to the file that holds its value."""

    command: list[str]
    variables: dict[str, str]
    secrets: dict[str, Path]


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a Python module in this environment."""
    return [sys.executable, "-m", name, *arguments]
