"""What the report's template is filled with: rows and words, worked out of a card."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.evaluation import Scores
from ray_jobs.contract.verdict import Decision
from tasks.dotted import dotted

HEADLINES = {
    Decision.PROMOTED: "Promoted: this version is the champion",
    Decision.KEPT: "Kept: the champion stays",
    Decision.UNCHANGED: "Unchanged: the same run was judged before",
}


class ClassRow(NamedTuple):
    """One class on the test split; `found` of `images` are right, of `answered` answers with it."""

    name: str
    images: int
    found: int
    answered: int
    recall: float | None
    precision: float | None


class Cell(NamedTuple):
    """One cell of the confusion matrix; `share` is that of its row, 0 to 1."""

    images: int
    share: float
    right: bool


class Mistake(NamedTuple):
    """How often images of one class are taken for another."""

    actual: str
    answered: str
    wrong: int
    images: int


def class_rows(classes: tuple[str, ...], scores: Scores) -> list[ClassRow]:
    """A row a class, in the order of the labels."""
    answered = [sum(column) for column in zip(*scores.confusion, strict=True)]
    return [
        ClassRow(
            name=name,
            images=scores.classes[name].images,
            found=scores.confusion[label][label],
            answered=answered[label],
            recall=scores.classes[name].recall,
            precision=scores.classes[name].precision,
        )
        for label, name in enumerate(classes)
    ]


def confusion_cells(scores: Scores) -> list[list[Cell]]:
    """The confusion matrix, a list a class of the images."""
    return [
        [
            Cell(count, count / max(sum(row), 1), right=label == answer)
            for answer, count in enumerate(row)
        ]
        for label, row in enumerate(scores.confusion)
    ]


def worst_mistakes(classes: tuple[str, ...], scores: Scores, most: int = 3) -> list[Mistake]:
    """The most frequent confusions, worst first."""
    mistakes = [
        Mistake(classes[label], classes[answer], count, sum(row))
        for label, row in enumerate(scores.confusion)
        for answer, count in enumerate(row)
        if answer != label and count
    ]
    return sorted(mistakes, key=lambda mistake: -mistake.wrong)[:most]


def split_rows(manifest: DatasetManifest) -> list[tuple[str, list[int]]]:
    """Images a class: train, val, test and their sum; the last row sums up the classes."""
    rows = [
        (name, [manifest.splits[split].get(name, 0) for split in Split])
        for name in manifest.classes
    ]
    rows.append(("all", [sum(counts) for counts in zip(*(row[1] for row in rows), strict=True)]))
    return [(name, [*counts, sum(counts)]) for name, counts in rows]


def recipe_rows(card: ModelCard) -> list[tuple[str, str]]:
    """Every key of the resolved recipe, dotted, with its value as `--set` takes it."""
    rows = card.spec.recipe.model_dump(mode="json", exclude={"schema_version", "name", "summary"})
    return [
        (key, value if isinstance(value, str) else json.dumps(value)) for key, value in dotted(rows)
    ]


def lineage_rows(card: ModelCard, manifest: DatasetManifest) -> list[tuple[str, Any]]:
    """Where the model comes from, so that it can be made again."""
    spec, training = card.spec, card.training
    return [
        ("model", f"{card.model}, version {card.model_version}"),
        ("run", spec.run_id),
        ("fingerprint", spec.fingerprint),
        ("data set", f"{manifest.dataset}, version {manifest.version}"),
        ("manifest", spec.manifest.key),
        ("source", manifest.source.uri),
        ("code version", spec.code_version),
        ("seed", spec.seed),
        ("weights", f"{training.weights.key} (sha256 {training.weights.sha256})"),
        ("note", spec.note or "none"),
    ]


def seconds_in_words(seconds: float) -> str:
    """A duration to read.

    >>> [seconds_in_words(seconds) for seconds in (12.34, 75, 7260)]
    ['12 s', '1 min 15 s', '2 h 1 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
