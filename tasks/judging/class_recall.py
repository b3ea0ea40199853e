"""What the gate finds of single classes: none that has enough images may get lost."""

from __future__ import annotations

from ray_jobs.contract.evaluation import Comparison, Scores
from ray_jobs.contract.verdict import Check, Finding, Policy
from tasks.judging.findings import NO_CHAMPION, finding

_DIGITS = 9  # A difference of counts over counts is exact in as many; the rest is floating point.


def of_classes(candidate: Scores, comparison: Comparison | None, policy: Policy) -> Finding:
    """Whether no class that has enough images loses more recall than it may."""
    if comparison is None:
        return finding(Check.CLASSES, [], NO_CHAMPION)
    enough = {
        name: change
        for name, difference in comparison.recall_differences.items()
        if difference.images >= policy.class_images
        and (change := _recall_change(name, candidate, comparison)) is not None
    }
    failed = [
        f"'{name}' loses {-change:.3f} of its recall, more than {policy.recall_loss:g} "
        f"({_images_of(name, comparison)})"
        for name, change in enough.items()
        if round(change, _DIGITS) < -policy.recall_loss
    ]
    counted = f"of {policy.class_images} or more images, {len(enough)} of them"
    passed = f"no class ({counted}) loses more than {policy.recall_loss:g} of its recall"
    found = finding(Check.CLASSES, failed, passed)
    return found.model_copy(update={"fact": found.fact + _gone(comparison)})


def _recall_change(name: str, candidate: Scores, comparison: Comparison) -> float | None:
    """The worse of two: asked for the classes that both know, and as the candidate is shipped.

    A class that the champion does not know may take the answers of an old one. One that the
    candidate does not know, it never answers.
    """
    among = comparison.recall_differences[name].value
    if name not in comparison.classes:
        return among
    ours = candidate.classes[name].recall.value
    theirs = comparison.champion.classes[name].recall.value
    if among is None or ours is None or theirs is None:
        return None
    return min(among, ours - theirs)


def _images_of(name: str, comparison: Comparison) -> str:
    images = f"{comparison.recall_differences[name].images} images"
    return images if name in comparison.classes else f"{images}; the candidate does not know it"


def _gone(comparison: Comparison) -> str:
    gone = ", ".join(f"'{name}'" for name in comparison.classes_gone)
    return gone and f"; the champion knows {gone}, which the newest version does not have"
