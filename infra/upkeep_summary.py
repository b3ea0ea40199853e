"""What `sortline dataset diff`, `gc` and `preview` end with, for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.filesize import decimal
from rich.text import Text

from infra.dataset_summary import SHOWN, table, title
from infra.summary import facts

_CHANGES = ("added", "removed", "relabelled", "moved", "state", "renamed")


def of_difference(told: Mapping[str, Any]) -> RenderableType:
    """Counts of what changed, and the first paths of each."""
    made = table("", right=(title(told["before"]), title(told["after"])))
    for state, count in told["before"]["images"].items():
        made.add_row(state, str(count), str(told["after"]["images"][state]))
    made.add_row("classes", *(str(told[side]["classes"]) for side in ("before", "after")))
    named = {"classes added": "classes_added", "classes removed": "classes_removed"}
    classes = {said: ", ".join(told[name]) or "none" for said, name in named.items()}
    counts = {name: str(len(told[name])) for name in _CHANGES}
    counts["moved"] += f"  {_on_moves(told)}"
    lists = (_paths(name, told[name]) for name in _CHANGES if told[name])
    return Group(made, facts(classes | counts), *lists)


def of_garbage(told: Mapping[str, Any]) -> RenderableType:
    """What went or would go, by kind."""
    made = table("kind", right=("objects", "bytes"))
    for kind, found in told["garbage"].items():
        made.add_row(kind, str(found["count"]), decimal(found["size_bytes"]))
    if not told["dry_run"]:
        return Group(made, Text("removed", "bold"))
    lines = [Text(key, "dim") for found in told["garbage"].values() for key in found["keys"]]
    return Group(*lines, made, Text("a dry run: nothing was removed", "bold"))


def of_preview(told: Mapping[str, Any]) -> RenderableType:
    """The sheets that were drawn, and why one was not."""
    made = table("sheet", right=("images",))
    made.add_column("file", overflow="fold")
    for sheet in told["sheets"]:
        made.add_row(Text(sheet["title"]), str(sheet["images"]), sheet["file"] or "nothing to show")
    return Group(made, Text(f"in {told['folder']}", "bold"))


def _on_moves(told: Mapping[str, Any]) -> str:
    if told["before"]["dataset"] != told["after"]["dataset"]:
        return "(each data set has splits of its own)"
    if told["moved"]:
        return "(a split must never change within a data set: the ledger was tampered with)"
    return "(a split never changes within a data set)"


def _paths(name: str, rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    made = table(name, "")
    for row in rows[:SHOWN]:
        change = f"{row['from']} -> {row['to']}" if "from" in row else row["label"]
        made.add_row(Text(row["path"]), Text(change))
    if len(rows) > SHOWN:
        made.add_row(Text(f"and {len(rows) - SHOWN} more; --json names all", "dim"))
    return made
