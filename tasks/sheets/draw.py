"""Draw the picks of a version from the originals in the store."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ray_jobs.contract import keys
from ray_jobs.contract.document import ObjectRef
from ray_jobs.storage import Store, fetch
from tasks.dataset.entries import Entry
from tasks.photos.images import upright_rgb
from tasks.sheets.canvas import TILE_PX, Tile, grid, sheet
from tasks.sheets.picks import COLUMNS, Pick

THREADS = 8


def draw_pick(store: Store, pick: Pick, subtitle: str) -> bytes:
    """The PNG of a pick, each picture as a shard holds it, under its path.

    Args:
      store: holds the originals.
      pick: with at least one picture.
      subtitle: which version it is of.

    Raises:
      DataError: an original is not what it was.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        rows = [list(pool.map(partial(_tile, store), row)) for row in pick.rows]
    return sheet(pick.title, subtitle, rows)


def draw_batch(batch: NDArray[np.uint8], title: str, path: Path) -> int:
    """Write the sheet of a batch to `path`; how many images it shows.

    Args:
      batch: uint8 [images, height, width, 3], at least one image.
      title: drawn on top.
      path: of the PNG.
    """
    tiles = [Tile(Image.fromarray(one), ()) for one in batch]
    side = batch.shape[1]
    path.write_bytes(sheet(title, f"{side} x {side} pixels each", grid(tiles, COLUMNS)))
    return len(tiles)


def _tile(store: Store, entry: Entry) -> Tile:
    _, sha256, size_bytes = entry.photo
    key = keys.raw_image(sha256)
    original = fetch(store, ObjectRef(key=key, sha256=sha256, size_bytes=size_bytes))
    with Image.open(io.BytesIO(upright_rgb(original))) as picture:
        picture.thumbnail((TILE_PX, TILE_PX))
        small = picture.copy()
    return Tile(small, (entry.path, f"{entry.label}  {entry.width} x {entry.height}"))
