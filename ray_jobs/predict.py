"""Name what is on photos, with a downloaded export: `--export-dir DIR --top K IMAGE...`.

Prints one JSON array: `{image, classes: [{label, probability}]}` for each photo, or
`{image, error}` where it cannot be read; the others are answered all the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ray_jobs.entry import quieten_tensorflow
from ray_jobs.pixels import upright

if TYPE_CHECKING:
    from ray_jobs.training.export.shipped import Shipped

Answer = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> None:
    """Answer every image of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--export-dir", type=Path, required=True)
    parser.add_argument("--top", type=int, default=1)
    parser.add_argument("images", nargs="+")
    given = parser.parse_args(argv)
    quieten_tensorflow()
    # TensorFlow takes seconds: `--help` and a wrong option do not wait for it.
    from ray_jobs.training.export import shipped

    model = shipped.load(given.export_dir)
    answers = [answer(model, image, given.top) for image in given.images]
    sys.stdout.write(json.dumps(answers, ensure_ascii=False) + "\n")


def answer(model: Shipped, image: str, top: int) -> Answer:
    """What the model says of one photo, the likeliest first; or why it cannot be read."""
    try:
        pixels = read_pixels(Path(image))
    except Exception as error:  # Pillow raises half a dozen types on broken bytes
        why = f"cannot be read as an image: {error}; expected a JPEG or PNG. Give another file."
        return {"image": image, "error": why}
    from ray_jobs.training.data.letterbox import letterbox

    square = letterbox(pixels, model.labels.image_px)
    shares = model.probabilities(square[None])[0]
    ranked = sorted(zip(model.labels.classes, shares.tolist(), strict=True), key=lambda c: -c[1])
    named = [{"label": label, "probability": share} for label, share in ranked[:top]]
    return {"image": image, "classes": named}


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """A photo as the shards hold it: upright, RGB; uint8 [height, width, 3].

    Raises:
      Exception: anything that a decoder raises; also where it is far larger than a photo.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path) as image:
            return np.asarray(upright(image))


if __name__ == "__main__":
    main()
