"""Small pictures and small sources for the tests of the data plane."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ray_jobs.contract.dataset import ImageState
from tasks.dataset.entries import Entry
from tasks.sources.base import Look


def picture(seed: int, size: tuple[int, int] = (24, 20)) -> Image.Image:
    """A picture that no other seed gives."""
    noise = np.random.RandomState(seed).randint(0, 256, (size[1] // 4, size[0] // 4, 3))
    return Image.fromarray(noise.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo(seed: int) -> bytes:
    return encoded(picture(seed), quality=90)


class Held:
    """A `tasks.sources.base.File` of given bytes, or one that runs what is given to get them."""

    def __init__(self, data: bytes | Callable[[], bytes], stamp: str | None = None) -> None:
        self._data = data
        self._stamp = stamp

    def look(self) -> Look:
        return Look(None, self._stamp)

    def read(self, limit: int) -> bytes:
        data = self._data() if callable(self._data) else self._data
        return data[:limit]


def make_tree(root: Path, classes: dict[str, int], first_seed: int = 0) -> Path:
    """A folder of classes with so many different photos each."""
    seed = first_seed
    for label, count in classes.items():
        (root / label).mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            (root / label / f"{seed:04d}.jpg").write_bytes(photo(seed))
            seed += 1
    return root


def entry(path: str, pixels: str = "", **values: Any) -> Entry:
    """A checked file: its label is its folder, its hashes follow from `pixels` (or its path)."""
    rng = random.Random(pixels or path)
    pixel_sha256, phash = f"{rng.getrandbits(256):064x}", f"{rng.getrandbits(256):064x}"
    sha256 = f"{random.Random(path).getrandbits(256):064x}"
    facts = {"sha256": sha256, "pixel_sha256": pixel_sha256, "phash": phash}
    facts |= {"width": 24, "height": 20, "size_bytes": 700, "state": ImageState.KEPT}
    return Entry(path=path, label=path.partition("/")[0], **(facts | values))
