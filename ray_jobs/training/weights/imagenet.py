"""Keras's ImageNet weights: fetched from its site once, by the driver, and kept in the store.

No TensorFlow here, and nothing from outside for a worker. A machine without a way out takes the
file from wherever somebody put it: the store.
"""

from __future__ import annotations

import hashlib
import logging
from typing import NamedTuple

from ray_jobs.contract import keys
from ray_jobs.contract.errors import DataError
from ray_jobs.storage import Store
from ray_jobs.training.weights import fetch

log = logging.getLogger(__name__)

SITE = "https://storage.googleapis.com"


class Published(NamedTuple):
    """A file of weights without the top, as `keras.applications` names it."""

    path: str
    md5: str

    @property
    def name(self) -> str:
        """Its file name."""
        return self.path.rpartition("/")[2]


_VGG16 = Published(
    "tensorflow/keras-applications/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "6d6bbae143d832006294945121d1f1fc",
)
_EFFICIENTNET_MD5 = (
    "50bc09e76180e00e4465e1a485ddc09d",
    "74c4e6b3e1f6a1eea24c589628592432",
    "111f8e2ac8aa800a7a99e3239f7bfb39",
    "af6d107764bb5b1abb91932881670226",
    "ebc24e6d6c33eaebbd558eafbeedf1ba",
    "38879255a25d3c92d5e44e04ae6cec6f",
    "9ecce42647a20130c1f39a5d4cb75743",
    "cbcfe4450ddf6f3ad90b1b398090fe4a",
)
FILES = {
    **{
        f"efficientnet-b{size}": Published(f"keras-applications/efficientnetb{size}_notop.h5", md5)
        for size, md5 in enumerate(_EFFICIENTNET_MD5)
    },
    "vgg16": _VGG16,
    "vgg16-classic": _VGG16,
}


def mirror(store: Store, network: str, *, site: str = SITE) -> None:
    """Keep the file of a network in the store, unless it is there; checked before it is.

    Args:
      store: takes it.
      network: one of `FILES`.
      site: where Keras publishes.

    Raises:
      ClusterError: the site does not answer.
      SpecError: it refuses the file.
      DataError: what was fetched is another file.
    """
    published = FILES[network]
    key = keys.published_weights(published.name)
    if store.exists(key):
        return
    url = f"{site}/{published.path}"
    log.info("fetching %s", url)
    data = fetch.over_http(
        url,
        expectation=f"a way to the ImageNet weights of {network}, or the file at {store.uri(key)}",
        remedy=f"Fetch it elsewhere and put it there, or pass --set weights=null,"
        f" or use recipe lite0_probe, which brings its weights (md5 {published.md5})",
    )
    store.put_once(key, _checked(data, published, url))


def read(store: Store, network: str) -> bytes:
    """The file of a network, out of the store.

    Raises:
      MissingObjectError: the driver has not put it there.
      DataError: it is another file.
    """
    published = FILES[network]
    key = keys.published_weights(published.name)
    return _checked(store.get(key), published, store.uri(key))


def _checked(data: bytes, published: Published, where: str) -> bytes:
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != published.md5:
        raise DataError(
            f"{where} has md5 {found}, {len(data):,} bytes",
            f"{published.md5}, as Keras publishes {published.name}",
            "Remove it, and fetch it again from a source that you trust",
        )
    return data
