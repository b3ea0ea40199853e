"""What `sortline dataset ls` and `show` end with, for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from rich.console import Group, RenderableType
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from infra.summary import facts
from ray_jobs.contract.dataset import Split

SHOWN = 10


def of_datasets(told: Mapping[str, Any]) -> RenderableType:
    """Every data set in a line."""
    if not told["datasets"]:
        return "No data set yet: `sortline ingest --source SOURCE` makes one."
    made = table("data set", "newest", right=("versions", "images", "classes", "size"))
    made.add_column("published")
    for one in told["datasets"]:
        counts = (str(one[name]) for name in ("versions", "images", "classes"))
        made.add_row(
            one["dataset"], one["version"], *counts, decimal(one["size_bytes"]), one["published"]
        )
    return Group(made, Text("size: shards and tables of all versions, without originals", "dim"))


def of_version(told: Mapping[str, Any]) -> RenderableType:
    """One version: facts, classes, shards, and what was set aside."""
    return Group(
        facts(_version_facts(told)),
        _classes(told["classes"]),
        _shards(told["shards"]),
        _counted("set aside because it", told["set_aside"]),
        _conflicts(told["conflicts"]),
        _versions(told),
    )


def _version_facts(told: Mapping[str, Any]) -> dict[str, str]:
    alike = told["near_duplicates"]
    largest = f"; the largest has {len(alike['largest'])}" if alike["groups"] else ""
    found = {
        "data set": f"{title(told)}{'  (newest)' if told['version'] == told['latest'] else ''}",
        "published": told["published"],
        "images": _in_words(told["images"]),
        "noted of files": _in_words(told["checks"]) or "nothing",
        "near-duplicates": f"{alike['images']} images in {alike['groups']} groups{largest}",
    }
    source = {f"source {name}": _value(value) for name, value in told["source"].items()}
    return found | source


def _classes(classes: Mapping[str, Mapping[str, int]]) -> Table:
    made = table("class", right=tuple(split.value for split in Split))
    for name, counts in classes.items():
        made.add_row(Text(name), *(str(counts[split]) for split in Split))
    return made


def _shards(shards: Mapping[str, Mapping[str, int]]) -> Table:
    made = table("shards", right=("count", "size", "records", "stored"))
    for split, found in shards.items():
        size = decimal(found["size_bytes"])
        counts = (str(found[name]) for name in ("records", "stored"))
        made.add_row(split, str(found["count"]), size, *counts)
    return made


def _counted(head: str, counts: Mapping[str, int]) -> RenderableType:
    made = table(head, right=("files",))
    for name, count in list(counts.items())[:SHOWN]:
        made.add_row(Text(name), str(count))
    return made if counts else Text("nothing is quarantined", "dim")


def _conflicts(conflicts: Sequence[Sequence[Mapping[str, str]]]) -> RenderableType:
    made = table("the same picture under two labels", "")
    for files in conflicts:
        made.add_row(*(Text("\n".join(one[name] for one in files)) for name in ("path", "label")))
    return made if conflicts else Text("no picture stands under two labels", "dim")


def _versions(told: Mapping[str, Any]) -> Table:
    made = table("version", "published")
    for one in told["versions"]:
        mark = " *" if one["version"] == told["latest"] else ""
        made.add_row(f"{one['version']}{mark}", one["published"])
    made.caption, made.caption_justify = "* newest", "left"
    return made


def title(told: Mapping[str, Any]) -> str:
    """A version's name."""
    return f"{told['dataset']} @ {told['version']}"


def _in_words(counts: Mapping[str, Any]) -> str:
    return "  ".join(f"{name} {count}" for name, count in counts.items())


def _value(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, dict):
        return str(value)
    renamed = cast("dict[str, str | None]", value)
    return "\n".join(f"{name} -> {one or 'dropped'}" for name, one in renamed.items())


def table(*left: str, right: Sequence[str] = ()) -> Table:
    """A table without lines; of its columns, those on the right hold numbers."""
    made = Table(*left, box=None, header_style="dim")
    for name in right:
        made.add_column(name, justify="right")
    return made
