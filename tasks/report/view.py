"""What the rest of the report's template is filled with: rows and words of a card."""

from __future__ import annotations

import json

from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.verdict import Decision
from tasks.tracking.dotted import dotted

# The page is written once: words that stay true when the champion moves on.
HEADLINES = {
    Decision.PROMOTED: "Promoted: this version became the champion",
    Decision.KEPT: "Kept: the champion stayed",
    Decision.UNCHANGED: "Unchanged: the same run was judged before",
}


def split_rows(
    manifest: DatasetManifest, judged: DatasetManifest | None
) -> list[tuple[str, list[int]]]:
    """Images a class: train, val, test and their sum; the last row sums up the classes.

    Args:
      manifest: of the version that was trained on.
      judged: of that which was judged on, whose test images follow; None where it is the same.
    """
    names = dict.fromkeys([*manifest.classes, *(judged.classes if judged else ())])
    rows = [(name, _counts(manifest, judged, name)) for name in names]
    sums = [sum(column) for column in zip(*(counts for _, counts in rows), strict=True)]
    return [*rows, ("all", sums)]


def recipe_rows(card: ModelCard) -> list[tuple[str, str]]:
    """Every key of the resolved recipe, dotted, with its value as `--set` takes it."""
    rows = card.spec.recipe.model_dump(mode="json", exclude={"schema_version", "name", "summary"})
    return [
        (key, value if isinstance(value, str) else json.dumps(value)) for key, value in dotted(rows)
    ]


def lineage_rows(card: ModelCard, manifest: DatasetManifest) -> list[tuple[str, str]]:
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
        ("seed", str(spec.seed)),
        ("weights", f"{training.weights.key} (sha256 {training.weights.sha256})"),
        ("scored on", f"version {card.evaluation.manifest.version}, {card.evaluation.split.value}"),
        ("test images", f"digest {card.evaluation.test_digest}"),
        ("note", spec.note or "none"),
    ]


def _counts(manifest: DatasetManifest, judged: DatasetManifest | None, name: str) -> list[int]:
    counts = [manifest.splits[split].get(name, 0) for split in Split]
    also = [judged.splits[Split.TEST].get(name, 0)] if judged else []
    return [*counts, sum(counts), *also]


def counted(count: int, one: str, many: str) -> str:
    """A number and what is counted.

    >>> counted(1, "image", "images"), counted(1200, "image", "images")
    ('1 image', '1,200 images')
    """
    return f"{count:,} {one if count == 1 else many}"


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
