"""`sortline dataset`: what lies in the store, what changed, what may go, and what it looks like."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from infra import dataset_summary, upkeep_summary
from infra.commands import dataset as datasets
from infra.commands import preview as previews
from infra.options import DEFAULT_HOME, AsJson, Home, answer
from infra.session import Session
from ray_jobs.contract.dataset import Split

app = typer.Typer(help="Look at data sets, and tidy up after them.", no_args_is_help=True)

_VERSION_HELP = "NAME (its newest version) or NAME@VERSION (first digits do)."
Version = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help=_VERSION_HELP)]


@app.command("ls")
def list_all(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Show every data set and its newest version."""
    told = datasets.list_all(Session.open(home))
    answer(told, dataset_summary.of_datasets(told), as_json=as_json)


@app.command()
def show(version: Version, home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Show what one version holds, and what was set aside and why."""
    told = datasets.show(Session.open(home), version)
    answer(told, dataset_summary.of_version(told), as_json=as_json)


@app.command()
def diff(
    before: Version, after: Version, home: Home = DEFAULT_HOME, as_json: AsJson = False
) -> None:
    """Show what changed from one version to another."""
    told = datasets.diff(Session.open(home), before, after)
    answer(told, upkeep_summary.of_difference(told), as_json=as_json)


@app.command()
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    older_than: Annotated[
        float, typer.Option(min=0, max=87_600, help="Hours; what is younger stays.")
    ] = 24,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Remove what no version refers to."""
    told = datasets.gc(Session.open(home), dry_run=dry_run, older_than=timedelta(hours=older_than))
    answer(told, upkeep_summary.of_garbage(told), as_json=as_json)


@app.command()
def preview(
    recipe: Annotated[str, typer.Option(help="Named recipe, for the augmented batch.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME[@VERSION]", help="Default: that of the settings.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder; default: one in the home, by version.")
    ] = None,
    split: Annotated[Split, typer.Option(help="Which split is shown.")] = Split.TRAIN,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Draw contact sheets: each class, near-duplicates, conflicts, an augmented batch."""
    told = previews.preview(Session.open(home), recipe=recipe, name=name, out=out, split=split)
    answer(told, upkeep_summary.of_preview(told), as_json=as_json)
