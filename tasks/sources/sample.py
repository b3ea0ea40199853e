"""`sample:`: six kinds of waste, drawn. The same pictures each time, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ray_jobs.contract.dataset import SourceRef
from tasks.sources.base import SourceImage
from tasks.sources.drawing.scene import KINDS, draw

IMAGES_PER_CLASS = 80


class SampleSource:
    """Pictures that are drawn when they are read; byte for byte the same for one Pillow."""

    def __init__(self, images_per_class: int = IMAGES_PER_CLASS, seed: int = 0) -> None:
        self._images_per_class = images_per_class
        self._seed = seed

    def describe(self) -> SourceRef:
        """The address of the sample."""
        return SourceRef(uri="sample:", format="sample")

    def dataset_name(self) -> str:
        """Always `sample`."""
        return "sample"

    def check(self) -> None:
        """Nothing can be wrong with it."""

    def images(self) -> Iterator[SourceImage]:
        """Every picture, sorted by path."""
        for kind in sorted(KINDS):
            for index in range(self._images_per_class):
                name = f"{kind}/{kind}{index:04d}.jpg"
                yield SourceImage(name, kind, partial(draw, kind, index, self._seed))
