"""What models answer on a test split."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.document import Document, ObjectRef, Part
from ray_jobs.contract.run import ManifestRef

Interval = tuple[float, float]


class Estimate(Part):
    """A figure of a split and its 95% interval, by a bootstrap over groups of near-duplicates.

    `images` are those that the figure rests on; where there are none, or it is not defined for
    another reason, value and interval are None.
    """

    value: float | None
    interval: Interval | None
    images: int


class ClassScore(Part):
    """One class on one split.

    `images` show it, `answered` are answered with it, `correct` are both. `recall` rests on the
    first, `precision` on the second, `f1` on either.
    """

    images: int
    answered: int
    correct: int
    recall: Estimate
    precision: Estimate
    f1: Estimate


class ReliabilityBin(Part):
    """Images whose likeliest class has a probability in (`low`, `high`], and how many are right.

    `confidence` is the mean of these probabilities, `accuracy` the share that is right; both None
    where there are no images.
    """

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


class CalibrationScore(Part):
    """Whether a model is as sure as it is right.

    `error` is the expected calibration error over 15 bins of equal width (Guo et al. 2017),
    `log_loss` the mean an image, in nats; those `before` are without the temperature.
    """

    temperature: float
    error: Estimate
    error_before: Estimate
    log_loss: Estimate
    log_loss_before: Estimate
    bins: tuple[ReliabilityBin, ...]


class Scores(Part):
    """One model on one split. `confusion[i][j]` counts images of class i answered with j.

    A name that is no class of the split is a wrong answer, and has no column. `macro_f1` is the
    mean over the classes that have images. `top3` is not defined for fewer than four classes.
    """

    model_version: int | None
    run_id: str
    images: int
    correct: int
    accuracy: Estimate
    top3: Estimate
    macro_f1: Estimate
    calibration: CalibrationScore
    classes: dict[str, ClassScore]
    confusion: tuple[tuple[int, ...], ...]


class Comparison(Part):
    """Candidate and champion on the same images, asked for the classes that both know.

    Images of other classes are left out (`images_of_other_classes`), and the answers are the
    likeliest among `classes`. `candidate_only` images are right by the candidate alone,
    `champion_only` by the champion alone; `p_value` is McNemar's exact one: the chance of at least
    `candidate_only` of both together, were the two equally good (one-sided; McNemar 1947, exact by
    the binomial distribution). Differences are the candidate's figure less the champion's, each
    with the interval of the pairs. `recall_differences` holds the classes that the champion alone
    knows as well, for which the candidate's recall counts as 0. `classes_gone` are those of the
    champion that the version does not have.
    """

    classes: tuple[str, ...]
    images: int
    images_of_other_classes: int
    candidate: Scores
    champion: Scores
    candidate_only: int
    champion_only: int
    p_value: float
    accuracy_difference: Estimate
    macro_f1_difference: Estimate
    recall_differences: dict[str, Estimate]
    classes_gone: tuple[str, ...] = ()


class LeftOut(Part):
    """Test images that were left out: a model has, or may have, learnt from them.

    `same` are (bytes or pixels) in the training or validation images of candidate or champion,
    `near` look like one of those.
    """

    same: int
    near: int


class DataCheck(Part):
    """Something that the test split must be, for a verdict to mean anything."""

    name: str
    passed: bool
    fact: str


class ExhibitKind(StrEnum):
    """Why an image is shown."""

    MISTAKE = "mistake"
    DISAGREEMENT = "disagreement"


class Answer(Part):
    """What a model said of one image."""

    label: str
    probability: float


class Exhibit(Part):
    """An image to be looked at.

    `picture` is a JPEG: the letterboxed image; `overlay` the same under the candidate's Grad-CAM
    (Selvaraju et al. 2017) for its answer.
    """

    kind: ExhibitKind
    sha256: str
    label: str
    candidate: Answer
    champion: Answer | None
    picture: ObjectRef
    overlay: ObjectRef


class EvaluationResult(Document):
    """`judged/<run_id>/evaluation.json`: candidate and champion, scored in one job on one split.

    `manifest` is the newest version of the data set, `test_digest` is of its test images.
    `decisions_before` counts the verdicts of other runs that rest on the model's test split, which
    only ever grows, and first candidates that were refused: each one wears it out a little;
    `decisions_on_these_images` those that rest on exactly these. `predictions` is a table, Parquet:
    `sha256`, `group`, `label`, `left_out` (null, `same` or `near`), and the probabilities
    `candidate`, `champion` (null without one), a list of float32 each in the order of that model's
    own classes. `exhibits` are the surest of each kind, disagreements shared out by who is right;
    `exhibits_of` counts all that there are.
    """

    run_id: str
    manifest: ManifestRef
    split: Split
    test_digest: str
    decisions_before: int
    decisions_on_these_images: int
    left_out: LeftOut
    candidate: Scores
    comparison: Comparison | None
    checks: tuple[DataCheck, ...]
    predictions: ObjectRef
    exhibits: tuple[Exhibit, ...]
    exhibits_of: dict[ExhibitKind, int] = Field(default_factory=dict[ExhibitKind, int])
    seconds: float

    @property
    def champion(self) -> Scores | None:
        """The champion's scores beside the candidate's, None before the first champion."""
        return self.comparison.champion if self.comparison else None
