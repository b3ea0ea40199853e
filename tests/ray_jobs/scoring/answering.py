"""Answers for tests: worked out by hand, or drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ray_jobs.scoring.answers import Answers, Model


def answers(
    truths: str,
    rows: Sequence[Sequence[float]],
    *,
    classes: str = "ab",
    of_model: str | None = None,
    groups: Sequence[int] | None = None,
    temperature: float = 1.0,
) -> Answers:
    """Of images with these true classes, a letter each, and these probabilities, a row each."""
    own = tuple(classes if of_model is None else of_model)
    return Answers(
        model=Model("run", 3, own, temperature),
        classes=tuple(classes),
        labels=np.array([classes.index(truth) for truth in truths], np.int64),
        groups=np.arange(len(truths)) if groups is None else np.array(groups),
        probabilities=np.array(rows, np.float64).reshape(len(truths), len(own)),
    )


def named(truths: str, said: str, *, classes: str = "ab", of_model: str | None = None) -> Answers:
    """Of a model that is 0.9 sure of what it says, and likes the others alike."""
    own = classes if of_model is None else of_model
    rest = 0.1 / (len(own) - 1)
    rows = [[0.9 if name == word else rest for name in own] for word in said]
    return answers(truths, rows, classes=classes, of_model=of_model)


def drawn(chance: np.random.Generator, images: int, accuracy: float, classes: str = "abcdef"):
    """Of a model that is right on an image with that chance, each image a group of its own."""
    labels = chance.integers(0, len(classes), images)
    wrong = (labels + chance.integers(1, len(classes), images)) % len(classes)
    said = np.where(chance.random(images) < accuracy, labels, wrong)
    logits = chance.normal(size=(images, len(classes)))
    logits[np.arange(images), said] += 4 + logits.max(axis=1)
    shares = np.exp(logits)
    shares /= shares.sum(axis=1, keepdims=True)
    return answers("".join(classes[label] for label in labels), shares, classes=classes)
