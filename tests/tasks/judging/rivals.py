"""Two models of a known accuracy on made-up test splits, and what the whole gate says of them."""

from __future__ import annotations

from collections import Counter
from statistics import NormalDist

import numpy as np

from ray_jobs.contract.evaluation import DataCheck
from ray_jobs.contract.verdict import Decision, Policy
from ray_jobs.scoring.answers import Answers, Model
from ray_jobs.scoring.comparison import compare
from tasks.judging.gate import Candidate, decide
from tests.tasks.documents import verification

CLASSES = ("cardboard", "glass", "metal", "paper", "plastic", "trash")
SHARES = (0.16, 0.20, 0.16, 0.23, 0.19, 0.06)  # about those of TrashNet
IMAGES = 2000
REPLICATES = 200
# Two models err on the same hard images: the latent difficulty that they share. At 0.7, of the
# images that one model of accuracy 0.90 errs on, another one errs on 0.47 as well.
CORRELATION = 0.7
FIT = (DataCheck(name="images", passed=True, fact=f"{IMAGES} test images, at least 10"),)


def answers(
    name: str, accuracy: float, labels: np.ndarray, hardness: np.ndarray, noise: np.random.Generator
) -> Answers:
    """Of a model that is right on as many images as `accuracy` tells, and as sure as it is right.

    Right are those whose own hardness, a standard normal number that has `CORRELATION` with that of
    another model, is below the quantile. A wrong answer is any other class. It answers a group of
    near-duplicates as its first image: `IMAGES` of them in all, each group as large as the others.
    """
    own = noise.standard_normal(len(labels))
    felt = np.sqrt(CORRELATION) * hardness + np.sqrt(1 - CORRELATION) * own
    wrong = felt > NormalDist().inv_cdf(accuracy)
    other = (labels + noise.integers(1, len(CLASSES), len(labels))) % len(CLASSES)
    groups = np.repeat(np.arange(len(labels)), IMAGES // len(labels))
    said = np.where(wrong, other, labels)[groups]
    probabilities = np.full((IMAGES, len(CLASSES)), (1 - accuracy) / (len(CLASSES) - 1))
    probabilities[np.arange(IMAGES), said] = accuracy
    model = Model(run_id=name, model_version=None if name == "new" else 1, classes=CLASSES)
    return Answers(model, CLASSES, labels[groups], groups, probabilities)


def decisions(
    candidate: float, champion: float, policy: Policy, *, draws: int, groups: int = IMAGES
) -> Counter[Decision]:
    """What the gate says on so many test splits of two models that are truly so accurate."""
    noise = np.random.default_rng(20260102)
    said: Counter[Decision] = Counter()
    for _ in range(draws):
        labels = noise.choice(len(CLASSES), groups, p=SHARES)
        hardness = noise.standard_normal(groups)
        ours = answers("new", candidate, labels, hardness, noise)
        theirs = answers("old", champion, labels, hardness, noise)
        compared = compare(ours, theirs, replicates=REPLICATES)
        known = Candidate("new", compared.candidate, verification("new"), FIT)
        said[decide(known, compared, policy).decision] += 1
    return said
