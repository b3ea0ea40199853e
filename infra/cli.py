"""The command `sortline`. Exit codes: 0 done, 1 our fault, 2 the user's, 3 a part is not up."""

from __future__ import annotations

import signal
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, RenderableType

from infra import dataset_cli, summary
from infra.commands import demo as demos
from infra.commands import ingest as ingests
from infra.commands import models as registered
from infra.commands import predict as predictions
from infra.commands import report as reports
from infra.commands import retrain as retrains
from infra.local.stack import PartStatus
from infra.options import DEFAULT_HOME, AsJson, Home, answer, current_home
from infra.session import Session
from ray_jobs.contract.errors import SortlineError, disk_full
from ray_jobs.contract.export import ExportFormat
from tasks.ingest.class_map import BUILT_IN
from tasks.sources.formats import FORMATS

app = typer.Typer(
    help="Keeps a waste-sorting image classifier fresh.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(dataset_cli.app, name="dataset")

_INTERRUPTED = 130
_NOT_UP = 3
Name = Annotated[str | None, typer.Option(help="Data set; default: that of the settings.")]
Model = Annotated[
    str | None, typer.Option(help="Model (its data set's name); default: the only one in use.")
]
Recipe = Annotated[str | None, typer.Option(help="Named recipe.")]


@app.command()
def up(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Start what is missing of the stack, and wait until it is healthy."""
    session = Session.open(home)
    parts = session.stack.up(session.screen.say)
    _answer_parts(parts, summary.of_parts(parts), as_json=as_json)


@app.command()
def down(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Stop every process of the stack; what it stored stays."""
    session = Session.open(home)
    parts = session.stack.down(session.screen.say)
    _answer_parts(parts, summary.of_parts(parts), as_json=as_json)


@app.command()
def status(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Show every part, its address and its health, and what is wrong with it."""
    parts = Session.open(home).stack.status()
    _answer_parts(parts, summary.of_health(parts), as_json=as_json)
    if not all(part.healthy for part in parts):
        raise typer.Exit(_NOT_UP)


@app.command()
def ingest(  # noqa: PLR0913 - the command line's own options
    source: Annotated[
        str,
        typer.Option(help="`sample:`, a folder, an archive, s3://BUCKET/PREFIX, or http(s)://."),
    ],
    name: Annotated[str | None, typer.Option(help="Data set; default: the source's name.")] = None,
    source_format: Annotated[str, typer.Option("--format", help=f"{', '.join(FORMATS)}.")] = "auto",
    class_map: Annotated[
        str | None,
        typer.Option(help=f"YAML file (rename, merge, drop), or one of: {', '.join(BUILT_IN)}."),
    ] = None,
    keep_test: Annotated[
        bool, typer.Option("--keep-test", help="Keep the source's own test split.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a class too small to learn, not set it aside.")
    ] = False,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Turn a labelled image source into a data set version."""
    wanted = ingests.Wanted(source, name, source_format, class_map, keep_test, strict)
    made = ingests.ingest(Session.open(home), wanted)
    answer(made, summary.of_ingest(made), as_json=as_json)


@app.command()
def retrain(  # noqa: PLR0913 - the command line's own options
    name: Name = None,
    recipe: Recipe = None,
    workers: Annotated[str, typer.Option(help="N, or MIN..MAX.")] = "2",
    overrides: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE")] = None,
    force: Annotated[bool, typer.Option(help="Run what was judged again.")] = False,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Train, judge, and promote if it is really better."""
    made = retrains.retrain(
        Session.open(home),
        name=name,
        recipe=recipe,
        workers=workers,
        overrides=overrides or [],
        force=force,
    )
    answer(made.answer, summary.of_retraining(made), as_json=as_json)


@app.command()
def demo(
    source: Annotated[str, typer.Option(help="As for ingest.")] = demos.DEFAULT_SOURCE,
    recipe: Recipe = None,
    keep: Annotated[bool, typer.Option(help="Leave the stack up.")] = False,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Run the main job once, from nothing."""
    session = Session.open(home)
    made = demos.demo(session, source=source, recipe=recipe, keep=keep)
    kept = session.stack.is_up()
    answer(made.to_json(), summary.of_demo(made, session.stack, kept=kept), as_json=as_json)


@app.command()
def models(name: Model = None, home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Show the champion and every registered version."""
    known = registered.models(Session.open(home), name=name)
    answer(known, summary.of_models(known), as_json=as_json)


@app.command()
def promote(
    version: Annotated[int, typer.Argument(help="Any registered version.")],
    reason: Annotated[str, typer.Option(help="Why; kept beside the move.")],
    name: Model = None,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Make a version the champion, whatever the gate said of it."""
    known = registered.promote(Session.open(home), name=name, version=version, reason=reason)
    answer(known, summary.of_models(known), as_json=as_json)


@app.command()
def report(
    run_id: Annotated[
        str | None, typer.Argument(metavar="RUN", help="Default: the newest that was judged.")
    ] = None,
    opened: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    name: Model = None,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Fetch the report of a run as a file of this machine."""
    fetched = reports.report(Session.open(home), run_id, name=name, opened=opened)
    answer(fetched, summary.of_report(fetched), as_json=as_json)


@app.command()
def rollback(
    version: Annotated[int | None, typer.Argument(help="Default: the one before.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; kept beside the move.")] = None,
    name: Model = None,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Make an earlier champion the champion again."""
    known = registered.rollback(Session.open(home), name=name, version=version, reason=reason)
    answer(known, summary.of_models(known), as_json=as_json)


@app.command()
def predict(
    images: Annotated[
        list[str], typer.Argument(help="Image files, folders, - for one on standard input.")
    ],
    name: Model = None,
    kind: Annotated[
        ExportFormat, typer.Option("--format", help="Which of its exports answers.")
    ] = ExportFormat.SAVED_MODEL,
    top: Annotated[int, typer.Option(min=1, help="Classes to show.")] = 3,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Label images with the champion."""
    told = predictions.predict(Session.open(home), name=name, images=images, kind=kind, top=top)
    answer(told, summary.of_predictions(told), as_json=as_json)
    if any("error" in one for one in told["images"]):
        raise typer.Exit(2)


def main() -> None:
    """Run the command line; every way out ends in one of the exit codes."""
    # Whoever ends us politely gets what Ctrl-C gets: what was started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        app(arguments)
    except SystemExit as way_out:  # how typer ends: 0, 2 for a wrong call, 130 for Ctrl-C
        code = int(way_out.code or 0)
        if code == _INTERRUPTED:
            _screen().print("Stopped. The next run goes on where this one was.")
        return code
    except SortlineError as error:
        return _tell(error)
    except Exception as error:
        if (full := disk_full(error)) is not None:
            return _tell(full)
        path = _write_traceback(error)
        _screen().print("Our fault:", style="bold red", end=" ")
        _screen().print(f"{error!r}\nThe traceback is in {path}")
        return 1
    return 0


def _answer_parts(parts: list[PartStatus], shown: RenderableType, *, as_json: bool) -> None:
    answer({"parts": [part.model_dump() for part in parts]}, shown, as_json=as_json)


def _tell(error: SortlineError) -> int:
    screen = _screen()
    screen.print(f"{type(error).__name__.removesuffix('Error')} error", style="bold red")
    for label, text in (
        ("fact", error.fact),
        ("expected", error.expectation),
        ("remedy", error.remedy),
    ):
        screen.print(f"  {label:<9}", end="", style="dim")
        screen.print(text, highlight=False, soft_wrap=True)
    return error.exit_code


def _write_traceback(error: Exception) -> Path:
    folder = current_home().resolve() / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"sortline-{datetime.now(UTC):%Y%m%dT%H%M%S}.log"
    path.write_text("".join(traceback.format_exception(error)))
    return path


def _screen() -> Console:
    return Console(stderr=True, markup=False, emoji=False)
