"""Name what is on photos: `--export-dir DIR --format F --entry E --top K PHOTO...`.

A PHOTO is a file, a folder (the photos below it), or `-` for the bytes of one on standard input.
Prints one JSON object: `images`, a photo each `{image, classes: [{label, probability}]}` or, where
it cannot be read, `{image, error}`; and `skipped`, how many other files the folders hold.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.errors import DataError
from ray_jobs.contract.export import ExportFormat
from ray_jobs.entry import quieten_tensorflow
from ray_jobs.photo_files import find_photos, open_photo, read_photo
from ray_jobs.pixels import orientation, upright

if TYPE_CHECKING:
    from ray_jobs.training.export.shipped import Shipped

Answer = dict[str, Any]

_BATCH = 32


def main(argv: Sequence[str] | None = None) -> None:
    """Answer every photo of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--export-dir", type=Path, required=True)
    parser.add_argument("--format", type=ExportFormat, required=True)
    parser.add_argument("--entry", required=True)
    parser.add_argument("--top", type=int, default=1)
    parser.add_argument("photos", nargs="+")
    given = parser.parse_args(argv)
    quieten_tensorflow()
    # TensorFlow takes seconds: `--help` and a wrong option do not wait for it.
    from ray_jobs.training.export.shipped import open_export

    model = open_export(given.export_dir, given.format, given.entry)
    found = [find_photos(named) for named in given.photos]
    names = [name for one in found for name in one.photos]
    answers = list(answer(model, names, given.top))
    told = {"images": answers, "skipped": sum(one.skipped for one in found)}
    # In ASCII: a file's name may hold what ends a line, or bytes that are no text.
    sys.stdout.write(json.dumps(told) + "\n")


def answer(model: Shipped, names: Sequence[str], top: int) -> Iterator[Answer]:
    """What the model says of each photo, the likeliest first; or why it cannot be read.

    A batch of pixels at a time: a folder may hold more than the memory does.
    """
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        squares = [_square(name, model.labels.image_px) for name in batch]
        readable = [square for square in squares if not isinstance(square, str)]
        rows = iter(model.probabilities(np.stack(readable)) if readable else ())
        for name, square in zip(batch, squares, strict=True):
            if isinstance(square, str):
                yield {"image": name, "error": square}
            else:
                yield {"image": name, "classes": _ranked(next(rows), model.labels.classes)[:top]}


def _ranked(shares: NDArray[np.float32], classes: Sequence[str]) -> list[Answer]:
    ranked = sorted(zip(classes, shares.tolist(), strict=True), key=lambda one: -one[1])
    return [{"label": label, "probability": share} for label, share in ranked]


def _square(name: str, image_px: int) -> NDArray[np.float32] | str:
    """A photo as the model wants it, float32 [image_px, image_px, 3]; or why there is none."""
    from ray_jobs.training.data.letterbox import letterbox

    try:
        return letterbox(read_pixels(read_photo(name)), image_px).numpy()
    except DataError as error:
        return str(error)
    except Exception as error:  # decoders raise half a dozen types on broken bytes
        why = (str(error).splitlines() or [type(error).__name__])[0]
        return str(DataError(f"cannot be decoded: {why}", "a whole photo", "Name another file"))


def read_pixels(data: bytes) -> NDArray[np.uint8]:
    """A photo as the shards hold it: upright, RGB; uint8 [height, width, 3].

    Raises:
      DataError: it is no photo, or far larger than one.
      Exception: anything that a decoder raises on broken bytes.
    """
    import tensorflow as tf

    from ray_jobs.training.data.records import decode_rgb

    with open_photo(data) as image:
        pixels = np.asarray(upright(image))
        if image.format == "JPEG" and image.mode == "RGB" and orientation(image) == 1:
            # The decoder of training: Pillow's differs from it by a level here and there.
            return decode_rgb(tf.constant(data)).numpy()
    return pixels


if __name__ == "__main__":
    main()
