"""Name what is on photos: `--export-dir DIR --format F --entry E --top K PHOTO...`.

A PHOTO is a file, a folder (every file below it but hidden ones), or `-` for the bytes of one on
standard input. Prints one JSON array: `{image, classes: [{label, probability}]}` for each photo, or
`{image, error}` where it cannot be read; the others are answered all the same.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ray_jobs.contract.export import ExportFormat
from ray_jobs.entry import quieten_tensorflow
from ray_jobs.pixels import orientation, upright

if TYPE_CHECKING:
    from ray_jobs.training.export.shipped import Shipped

Answer = dict[str, Any]

_STANDARD_INPUT = "-"
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
    names = [name for photo in given.photos for name in files_of(photo)]
    answers = list(answer(model, names, given.top))
    sys.stdout.write(json.dumps(answers, ensure_ascii=False) + "\n")


def files_of(photo: str) -> list[str]:
    """The file, or those below the folder in their order; of an empty folder, itself."""
    folder = Path(photo)
    if photo == _STANDARD_INPUT or not folder.is_dir():
        return [photo]
    below = sorted(path for path in folder.rglob("*") if path.is_file())
    shown = [path for path in below if not _hidden(path.relative_to(folder))]
    return [str(path) for path in shown] or [photo]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


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
        data = sys.stdin.buffer.read() if name == _STANDARD_INPUT else Path(name).read_bytes()
    except IsADirectoryError:
        return "no file lies in this folder; expected photos. Give another folder."
    except OSError as error:
        return f"cannot be read: {error.strerror}; expected a JPEG or PNG. Give another file."
    try:
        return letterbox(read_pixels(data), image_px).numpy()
    except Exception as error:  # decoders raise half a dozen types on broken bytes
        why = str(error).splitlines()[0]
        return f"cannot be read as an image: {why}; expected a JPEG or PNG. Give another file."


def read_pixels(data: bytes) -> NDArray[np.uint8]:
    """A photo as the shards hold it: upright, RGB; uint8 [height, width, 3].

    Raises:
      Exception: anything that a decoder raises; also where it is far larger than a photo.
    """
    import tensorflow as tf

    from ray_jobs.training.data.records import decode_rgb

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data)) as image:
            pixels = np.asarray(upright(image))
            if image.format == "JPEG" and image.mode == "RGB" and orientation(image) == 1:
                # The decoder of training: Pillow's differs from it by a level here and there.
                return decode_rgb(tf.constant(data)).numpy()
    return pixels


if __name__ == "__main__":
    main()
