"""`sortline dataset preview`: contact sheets of a version, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from infra.ray_side import ask
from infra.session import Session
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.errors import SpecError
from ray_jobs.recipes import catalog
from ray_jobs.storage import Store, fetch
from tasks.dataset.entries import Entry, decode_entries
from tasks.dataset.versions import find_version
from tasks.sheets.draw import draw_batch, draw_pick
from tasks.sheets.font import chinese_font
from tasks.sheets.picks import Pick, class_sheets, conflict_sheet, near_duplicate_sheet

PROFILE = "ingest"  # the one identity that reads originals


def preview(
    session: Session, *, recipe: str, name: str | None, out: Path | None, split: Split
) -> dict[str, Any]:
    """Draw the sheets into a folder, over those of an earlier call.

    Raises:
      SpecError: there is no such recipe or version, or the folder cannot be written.
    """
    catalog.resolve(recipe, {})
    session.point_at_stack()
    store = session.store(PROFILE)
    manifest, _ = find_version(store, name or session.dataset(None))
    folder = _folder(out or session.stack.home / "previews" / _named(manifest, "-"))
    entries = decode_entries(fetch(store, manifest.entries))
    if chinese_font() is None:
        session.screen.say("No font with Chinese glyphs is installed: names may show as boxes")
    drawn = [_drawn(store, pick, manifest, folder) for pick in _picks(manifest, entries, split)]
    drawn.append(_augmented(session, store.uri(_key(manifest)), recipe, split, folder))
    return {
        "dataset": manifest.dataset,
        "version": manifest.version,
        "recipe": recipe,
        "split": split.value,
        "folder": str(folder),
        "sheets": drawn,
    }


def _picks(manifest: DatasetManifest, entries: Sequence[Entry], split: Split) -> list[Pick]:
    return [
        *class_sheets(manifest, entries, split),
        near_duplicate_sheet(entries),
        conflict_sheet(entries),
    ]


def _drawn(store: Store, pick: Pick, manifest: DatasetManifest, folder: Path) -> dict[str, Any]:
    """Draw one sheet, and tell of it; one with nothing on it has no file."""
    images = sum(len(row) for row in pick.rows)
    path = folder / f"{pick.stem}.png"
    path.unlink(missing_ok=True)
    if images:
        path.write_bytes(draw_pick(store, pick, _named(manifest, " @ ")))
    return {"title": pick.title, "images": images, "file": path.name if images else None}


def _augmented(
    session: Session, manifest_uri: str, recipe: str, split: Split, folder: Path
) -> dict[str, Any]:
    """A batch as a training with the recipe sees it, drawn by a process of the Ray side."""
    path = folder / "augmented.png"
    cache = session.stack.home / "cache" / "shards"
    with TemporaryDirectory() as work:
        batch = Path(work, "batch.npy")
        options = {"manifest": manifest_uri, "recipe": recipe, "split": split.value}
        options |= {"folder": str(cache), "out": str(batch)}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        env = {"AWS_PROFILE": session.settings().s3_profile or PROFILE}
        ask("ray_jobs.preview", words, log=session.logs / "preview.log", env=env)
        title = f"as {recipe} sees them: the first of {split.value}"
        images = draw_batch(np.load(batch), title, path)
    return {"title": title, "images": images, "file": path.name}


def _key(manifest: DatasetManifest) -> str:
    return keys.manifest(manifest.dataset, manifest.version)


def _named(manifest: DatasetManifest, between: str) -> str:
    return f"{manifest.dataset}{between}{manifest.version}"


def _folder(path: Path) -> Path:
    """The folder, made if it is not there, by its absolute path."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecError(
            f"{path} is no folder to write to: {error.strerror}",
            "a folder, or a path where one can be made",
            "Pass --out with another one",
        ) from error
    return path.resolve()
