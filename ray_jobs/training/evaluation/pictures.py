"""Test images as pictures: letterboxed, and under the heat of an answer."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, cast

import keras
import matplotlib as mpl
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import Split
from ray_jobs.contract.document import ObjectRef
from ray_jobs.contract.run import RunSpec
from ray_jobs.contract.training import TrainingResult
from ray_jobs.storage import Store, put_content, read_document
from ray_jobs.training.data.cache import fetch_shards
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.records import decode, records
from ray_jobs.training.data.roster import read_roster
from ray_jobs.training.evaluation.exhibits import Drawing, Pictures
from ray_jobs.training.evaluation.gradcam import heat_maps
from ray_jobs.training.export.trained import rebuild

SIDE_PX = 224
_QUALITY = 85
_HEAT_ALPHA = 0.45
_HEAT_COLOURS = "inferno"  # even steps to the eye, and to one that tells no red from green


def keep_pictures(store: Store, drawing: Drawing) -> dict[str, Pictures]:
    """Draw the images of a drawing, with the trained network of its run, and keep the JPEGs."""
    found = dict[str, Pictures]()
    with tempfile.TemporaryDirectory() as scratch:
        model = _trained(store, drawing.run_id, Path(scratch))
        for sha256, encoded in _wanted(store, drawing, Path(scratch)):
            square = decode(encoded, cast("int", model.input_shape[1])).numpy()[np.newaxis]
            (heat,) = heat_maps(model, square, np.array([drawing.answers[sha256]]))
            picture = decode(encoded, SIDE_PX).numpy().astype(np.uint8)
            found[sha256] = Pictures(
                _keep(store, drawing.run_id, sha256, picture),
                _keep(store, drawing.run_id, sha256, overlaid(picture, heat)),
            )
    return found


def overlaid(picture: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture with heat laid over it.

    Args:
      picture: uint8 [side, side, 3].
      heat: float32 [height, width] in 0..1, coarser than the picture.
    """
    side = picture.shape[0]
    smooth = Image.fromarray(heat).resize((side, side), Image.Resampling.BILINEAR)
    colours = cast("Any", mpl).colormaps[_HEAT_COLOURS](np.asarray(smooth))[..., :3] * 255
    return np.rint((1 - _HEAT_ALPHA) * picture + _HEAT_ALPHA * colours).astype(np.uint8)


def _trained(store: Store, run_id: str, folder: Path) -> keras.Model:
    spec = read_document(store, RunSpec, keys.run(run_id, "spec.json"))
    training = read_document(store, TrainingResult, keys.run(run_id, "training.json"))
    return rebuild(store, spec.recipe, training, folder).model


def _wanted(store: Store, drawing: Drawing, folder: Path) -> Iterator[tuple[str, tf.Tensor]]:
    """The sha256 of each image and the image, encoded, as it lies in the shards."""
    manifest = drawing.manifest
    roster = read_roster(store, manifest, Split.TEST)
    wanted = {
        place: label for place, label in roster.items() if PurePath(place).name in drawing.answers
    }
    held = {PurePath(place).parent.name for place in wanted}
    shards = [one for one in manifest.shards[Split.TEST] if PurePath(one.key).name in held]
    for sha256, encoded, _ in records(Photos(fetch_shards(store, shards, folder), wanted)):
        yield sha256.numpy().decode(), encoded


def _keep(store: Store, run_id: str, sha256: str, pixels: NDArray[np.uint8]) -> ObjectRef:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY)
    content = hashlib.sha256(file.getvalue()).hexdigest()
    name = f"exhibits/{sha256[:12]}-{content[:12]}.jpg"
    return put_content(store, keys.judged(run_id, name), file.getvalue())
