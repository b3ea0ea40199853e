"""`sample:`: six kinds of waste, drawn. The same pictures each time, without a network."""

from __future__ import annotations

from dataclasses import dataclass

from ray_jobs.contract.dataset import SourceRef
from tasks.sources.base import Images, Look, SourceImage
from tasks.sources.drawing.scene import KINDS, draw

IMAGES_PER_CLASS = 80


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A picture that is drawn when it is read."""

    kind: str
    index: int
    seed: int

    def look(self) -> Look:
        return Look()

    def read(self, limit: int) -> bytes:
        return draw(self.kind, self.index, self.seed)[:limit]


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

    def images(self) -> Images:
        """Every picture, sorted by path."""
        return [
            SourceImage(f"{kind}/{kind}{index:04d}.jpg", kind, _Drawing(kind, index, self._seed))
            for kind in sorted(KINDS)
            for index in range(self._images_per_class)
        ]
