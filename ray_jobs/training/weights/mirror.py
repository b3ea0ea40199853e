"""The weights that a training starts from, brought into the store before its workers start.

The driver fetches, once; a worker reads the store alone. No TensorFlow here.
"""

from __future__ import annotations

import hashlib
import logging

from ray_jobs.contract import keys
from ray_jobs.contract.errors import DataError
from ray_jobs.contract.recipe import Recipe
from ray_jobs.storage import Store
from ray_jobs.training.weights import fetch, imagenet

log = logging.getLogger(__name__)


def mirror(store: Store, recipe: Recipe) -> None:
    """Keep what a recipe starts from in the store, unless it is there; checked before it is.

    Raises:
      SpecError: nothing lies at the address, or nobody here may read it.
      DataError: what lies there is another file, or too large.
      ClusterError: it cannot be fetched.
    """
    if recipe.weights == "imagenet":
        if recipe.backbone in imagenet.FILES:
            imagenet.mirror(store, recipe.backbone)
    elif recipe.weights is not None and recipe.weights_sha256 is not None:
        _keep(store, recipe.weights, recipe.weights_sha256)


def _keep(store: Store, uri: str, sha256: str) -> None:
    key = keys.weights(sha256)
    if store.exists(key):
        return
    log.info("fetching %s", fetch.shown(uri))
    store.put_once(key, _checked(fetch.read(store, uri), sha256, fetch.shown(uri)))


def _checked(data: bytes, sha256: str, where: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DataError(
            f"{where} has sha256 {found}, {len(data):,} bytes",
            f"{sha256}, as weights_sha256 says",
            "Pass the file's own weights_sha256 if you trust it, or the address of the right one",
        )
    return data
