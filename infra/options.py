"""What every command takes, and how it answers."""

from __future__ import annotations

import json
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

DEFAULT_HOME = Path(".sortline")
_home: ContextVar[Path] = ContextVar("home", default=DEFAULT_HOME)


def _remember(home: Path) -> Path:
    """Keep the home for a traceback that may have to be written there."""
    _home.set(home)
    return home


Home = Annotated[
    Path,
    typer.Option(
        envvar="SORTLINE_HOME", help="State folder of the one-machine stack.", callback=_remember
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="End with one JSON object on a line.")]


def current_home() -> Path:
    """The home of the command that runs."""
    return _home.get()


def answer(told: Any, shown: RenderableType, *, as_json: bool) -> None:  # noqa: ANN401
    """End a command: with JSON for a program, or what is shown for a person."""
    if as_json:
        # In ASCII: whatever the terminal can show, and a name may hold what ends a line.
        typer.echo(json.dumps(told))
    else:
        # What others wrote is shown as it is: a class may be named `[b]`.
        Console(markup=False, emoji=False).print(shown)
