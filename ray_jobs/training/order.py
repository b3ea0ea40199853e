"""What the driver of a training sends to each worker: text only, nothing secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.run import RunSpec


class Order(NamedTuple):
    """What to train, on what, and the bucket for both."""

    bucket: str
    spec: RunSpec
    manifest: DatasetManifest


def write_order(order: Order) -> dict[str, str]:
    """The order as Ray Train hands it on."""
    return {
        "bucket": order.bucket,
        "spec": order.spec.to_json().decode(),
        "manifest": order.manifest.to_json().decode(),
    }


def read_order(config: Mapping[str, str]) -> Order:
    """The order that `write_order` wrote."""
    return Order(
        bucket=config["bucket"],
        spec=RunSpec.from_json(config["spec"].encode(), origin="the driver"),
        manifest=DatasetManifest.from_json(config["manifest"].encode(), origin="the driver"),
    )
