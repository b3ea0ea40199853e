"""What a test split must be, for a verdict to mean anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ray_jobs.contract.evaluation import DataCheck
from ray_jobs.training.evaluation.entries import Groups, Kept

LEAST_IMAGES = 10
MOST_LEFT_OUT = 0.05


def check_test_split(
    groups: Groups, judging: Sequence[Kept], images: int, classes: Sequence[str]
) -> tuple[DataCheck, ...]:
    """Look at a version and at the test images that may judge.

    Args:
      groups: those of all images of the version.
      judging: its test images that may judge.
      images: test images, those that may not judge among them.
      classes: of the version.
    """
    return (
        _enough_images(len(judging)),
        _every_class(judging, classes),
        _whole_groups(groups),
        _few_left_out(images - len(judging), images),
    )


def _enough_images(images: int) -> DataCheck:
    fact = f"{images} test images, at least {LEAST_IMAGES}"
    return DataCheck(name="images", passed=images >= LEAST_IMAGES, fact=fact)


def _every_class(judging: Sequence[Kept], classes: Sequence[str]) -> DataCheck:
    shown = Counter(one.label for one in judging)
    missing = [name for name in classes if not shown[name]]
    fact = f"no test image of {', '.join(missing)}"
    if not missing:
        fewest = min(classes, key=lambda name: shown[name])
        fact = f"every class has test images, '{fewest}' the fewest: {shown[fewest]}"
    return DataCheck(name="classes", passed=not missing, fact=fact)


def _whole_groups(groups: Groups) -> DataCheck:
    across = groups.across
    fact = f"{across} of {groups.total} groups of near-duplicates lie across splits, none may"
    return DataCheck(name="groups", passed=not across, fact=fact)


def _few_left_out(left_out: int, images: int) -> DataCheck:
    share = left_out / max(1, images)
    fact = f"{left_out} of {images} test images left out ({share:.1%}), at most {MOST_LEFT_OUT:.0%}"
    return DataCheck(name="left out", passed=share <= MOST_LEFT_OUT, fact=fact)
