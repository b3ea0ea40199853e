"""What one model says of some images of which the truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ray_jobs.scoring.calibration import tempered

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

OTHER = -1
"""Stands for an answer that is no class of the images."""


@dataclass(frozen=True)
class Model:
    """Who answers: `classes` in the order of its answers, `temperature` is inside them."""

    run_id: str
    model_version: int | None
    classes: tuple[str, ...]
    temperature: float = 1.0


@dataclass(frozen=True, eq=False)
class Answers:
    """What one model says of N images.

    Attributes:
      model: who says it; it may know other classes than the images have.
      classes: that an image may be of.
      labels: int64 [N], the truth, indices into `classes`.
      groups: [N], of any type that sorts; images with the same one are near-duplicates.
      probabilities: float64 [N, len(model.classes)], each row sums to 1.
    """

    model: Model
    classes: tuple[str, ...]
    labels: Integers
    groups: NDArray[Any]
    probabilities: Floats

    @cached_property
    def columns(self) -> Integers:
        """Of each class of the model, its index into `classes`, or `OTHER`."""
        at = {name: index for index, name in enumerate(self.classes)}
        return np.array([at.get(name, OTHER) for name in self.model.classes], np.int64)

    @cached_property
    def order(self) -> Integers:
        """The columns of each image, the likeliest first: int64 [N, model's classes].

        Of two that are equally likely, the first in the order of the model comes first.
        """
        return np.argsort(-self.probabilities, axis=1, kind="stable")

    @property
    def names(self) -> list[str]:
        """The answers themselves, one an image; of a model that has any class."""
        return [self.model.classes[column] for column in self.order[:, 0].tolist()]

    @cached_property
    def ranked(self) -> Integers:
        """The same as `order`, as indices into `classes` or `OTHER`."""
        return self.columns[self.order]

    @cached_property
    def likeliest(self) -> Integers:
        """The answer itself, int64 [N], an index into `classes` or `OTHER`."""
        # A model that has no class to choose from, and no image of one.
        return self.ranked[:, 0] if self.model.classes else np.empty(0, np.int64)

    @cached_property
    def confidence(self) -> Floats:
        """The probability of the likeliest class, float64 [N]."""
        return self.probabilities.max(axis=1, initial=0.0)

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the likeliest class is the true one, bool [N]."""
        return self.likeliest == self.labels

    def within(self, places: int) -> NDArray[np.bool_]:
        """Whether the true class is among that many likeliest ones, bool [N]."""
        return (self.ranked[:, :places] == self.labels[:, np.newaxis]).any(axis=1)

    @cached_property
    def of_truth(self) -> Floats:
        """The probability of the true class, float64 [N]; 0 where the model does not know it."""
        hits = self.columns[np.newaxis] == self.labels[:, np.newaxis]
        return np.where(hits, self.probabilities, 0.0).sum(axis=1)

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Whether the model knows the true class, bool [N]."""
        return np.isin(self.labels, self.columns)

    @property
    def before_temperature(self) -> Answers:
        """The same, as the model would say it without its temperature."""
        return replace(self, probabilities=tempered(self.probabilities, 1 / self.model.temperature))

    def at(self, rows: NDArray[np.bool_]) -> Answers:
        """The same of some of the images; `rows` is bool [N]."""
        return replace(
            self,
            labels=self.labels[rows],
            groups=self.groups[rows],
            probabilities=self.probabilities[rows],
        )

    def among(self, names: Sequence[str]) -> Answers:
        """The same of the images of these classes, had the model been asked for these alone.

        Args:
          names: that both the images and the model have, in any order.
        """
        classes = tuple(name for name in self.classes if name in names)
        wanted = [self.classes.index(name) for name in classes]
        own = [self.model.classes.index(name) for name in classes]
        kept = self.at(np.isin(self.labels, wanted))
        return replace(
            kept,
            model=replace(self.model, classes=classes),
            classes=classes,
            labels=np.searchsorted(wanted, kept.labels),
            # Softmax over a part of the logits is the softmax over all, made to sum to 1 again.
            probabilities=tempered(kept.probabilities[:, own], 1.0),
        )
