"""Which pictures stand on which contact sheet. Pure: entries in, entries out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ray_jobs.contract.dataset import DatasetManifest, ImageState, Split
from tasks.dataset.entries import Entry
from tasks.dataset.overview import near_duplicates
from tasks.names import slug

COLUMNS = 6
ROWS = 6
GROUPS = 12  # rows of a sheet of groups
MEMBERS = 8  # of a group


@dataclass(frozen=True)
class Pick:
    """One sheet.

    Attributes:
      stem: name of its file, without `.png`.
      title: drawn on top.
      rows: the pictures; none where there is nothing to show.
    """

    stem: str
    title: str
    rows: Sequence[Sequence[Entry]]


def class_sheets(manifest: DatasetManifest, entries: Sequence[Entry], split: Split) -> list[Pick]:
    """A sheet a class with some of its pictures in a split: always the same ones of a version."""
    of_class: defaultdict[str, list[Entry]] = defaultdict(list)
    for one in entries:
        if one.state is ImageState.KEPT and one.split is split:
            of_class[one.label].append(one)
    digits = len(str(len(manifest.classes)))
    return [
        _class_sheet(f"class-{number:0{digits}d}", name, of_class[name], split)
        for number, name in enumerate(manifest.classes)
    ]


def near_duplicate_sheet(entries: Sequence[Entry]) -> Pick:
    """The largest groups that share a split because they look alike, a row a group."""
    groups = near_duplicates(entries)
    rows = [group[:MEMBERS] for group in groups[:GROUPS]]
    return Pick("near-duplicates", f"near-duplicates: {len(rows)} of {len(groups)} groups", rows)


def conflict_sheet(entries: Sequence[Entry]) -> Pick:
    """The pictures that stand under several labels, a row a picture."""
    found: defaultdict[str | None, list[Entry]] = defaultdict(list)
    for one in entries:
        if one.state is ImageState.CONFLICT:
            found[one.pixel_sha256].append(one)
    rows = [files[:MEMBERS] for files in list(found.values())[:GROUPS]]
    title = f"the same picture under two labels: {len(rows)} of {len(found)}"
    return Pick("conflicts", title, rows)


def _class_sheet(stem: str, name: str, images: Sequence[Entry], split: Split) -> Pick:
    # The hash of its bytes says nothing of a picture: by it, the first ones are a fair sample.
    some = sorted(images, key=lambda one: one.photo.sha256)[: COLUMNS * ROWS]
    rows = [some[start : start + COLUMNS] for start in range(0, len(some), COLUMNS)]
    # A class name may hold a slash, or no letter that a file name should.
    plain = slug(name)
    title = f"{name}: {len(some)} of {len(images)} in {split.value}"
    return Pick(f"{stem}-{plain}" if plain else stem, title, rows)
