"""Photos for benchmarks: those of a folder, a class a folder, or drawn ones."""

from __future__ import annotations

from pathlib import Path

from tasks.photos.images import upright_rgb
from tasks.sources.sample import SampleSource


def labelled(folder: str | None, *, at_most: int) -> list[tuple[bytes, int]]:
    """JPEGs as shards hold them, with labels; evenly from all classes, and none twice."""
    if folder is None:
        found = [(image.label, image.read) for image in SampleSource().images()]
    else:
        found = [(p.parent.name, p.read_bytes) for p in sorted(Path(folder).rglob("*.jpg"))]
    every = max(1, -(-len(found) // at_most))
    labels = sorted({label for label, _ in found})
    return list(
        {upright_rgb(read()): labels.index(label) for label, read in found[::every]}.items()
    )


def chosen(folder: str | None, count: int) -> list[tuple[bytes, int]]:
    """So many of them; there are 480 drawn ones."""
    found = labelled(folder, at_most=2 * count - 1)
    if count > len(found):
        raise ValueError(f"{count} photos wanted, {len(found)} there; more: SORTLINE_TRASHNET=...")
    return [found[n * len(found) // count] for n in range(count)]
