"""A trial: the test images of a data set version, and what one or two models say of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.errors import DataError, SpecError
from ray_jobs.contract.export import ExportFormat, ExportResult
from ray_jobs.contract.run import RunSpec
from ray_jobs.scoring.answers import Answers, Model
from ray_jobs.storage import MissingObjectError, Store, read_document
from ray_jobs.training.evaluation.asking import Floats, Replies, ask
from ray_jobs.training.evaluation.crew import Crew
from ray_jobs.training.evaluation.entries import Entries, Groups, Kept
from ray_jobs.training.evaluation.overlap import Learnt, Overlap, overlaps


class Contender(NamedTuple):
    """A model on trial: what was shipped of it, and the data set version it has learnt from."""

    exports: ExportResult
    learnt_from: DatasetManifest

    @property
    def model(self) -> Model:
        """Who answers."""
        shipped = self.exports
        return Model(shipped.run_id, shipped.model_version, shipped.classes, shipped.temperature)


@dataclass(frozen=True)
class Trial:
    """The answers to every test image, those that may not judge among them.

    Attributes:
      manifest: of the version whose test images they are.
      groups: those of all images of the version.
      test: its test images, sorted by sha256; all that follows is in this order.
      left_out: why one may not judge.
      candidate: answers of the candidate.
      champion: answers of the champion, None without one.
    """

    manifest: DatasetManifest
    groups: Groups
    test: list[Kept]
    left_out: list[Overlap | None]
    candidate: Answers
    champion: Answers | None

    @property
    def judging(self) -> Trial:
        """The same with those images alone that may judge."""
        may = np.array([why is None for why in self.left_out], np.bool_)
        return Trial(
            self.manifest,
            self.groups,
            [one for one, why in zip(self.test, self.left_out, strict=True) if why is None],
            [None] * int(may.sum()),
            self.candidate.at(may),
            self.champion and self.champion.at(may),
        )


def contender(store: Store, run_id: str) -> Contender:
    """The model of a run that was exported."""
    exports = read_document(store, ExportResult, keys.run(run_id, "exports.json"))
    spec = read_document(store, RunSpec, keys.run(run_id, "spec.json"))
    return Contender(exports, read_document(store, DatasetManifest, spec.manifest.key))


def defender(store: Store, champion: ChampionPointer) -> Contender:
    """The champion. Raises DataError where it cannot be asked any more."""
    try:
        found = contender(store, champion.run_id)
        _check_shipped(store, found.exports)
    except (SpecError, MissingObjectError) as error:
        raise DataError(
            f"the champion, version {champion.model_version} of model '{champion.model}'"
            f" (run {champion.run_id}), cannot be asked: {error.fact}",
            "its documents as this version of Sortline writes them, and its files",
            "Make the candidate champion without a comparison (`sortline promote VERSION --reason"
            " TEXT`), or go back to a version that can be asked (`sortline rollback`)",
        ) from error
    return found


def _check_shipped(store: Store, exports: ExportResult) -> None:
    """Raise MissingObjectError unless the files that are asked are there."""
    for ref in exports.of(ExportFormat.SAVED_MODEL).files:
        if not store.exists(ref.key):
            raise MissingObjectError(
                f"{store.uri(ref.key)} does not exist",
                "every file that was shipped",
                "Restore it from a backup",
            )


def hold(store: Store, crew: Crew, manifest: DatasetManifest, models: Sequence[Contender]) -> Trial:
    """Ask the candidate, and the champion after it, about the test images of a version.

    Raises:
      DataError: there are none, or others in the shards than in the table of entries.
    """
    entries = Entries(store, manifest)
    test = sorted(entries.kept(Split.TEST))
    replies = ask(crew, manifest, [one.exports for one in models])
    _check_whole(manifest, test, replies)
    answers = [
        _answers(manifest, test, one.model, given)
        for one, given in zip(models, replies.probabilities, strict=True)
    ]
    learnt = _learnt(store, [one.learnt_from for one in models])
    left_out = overlaps(test, learnt)
    champion = answers[1] if len(answers) > 1 else None
    return Trial(manifest, entries.groups(), test, left_out, answers[0], champion)


def _learnt(store: Store, versions: Sequence[DatasetManifest]) -> Iterator[Learnt]:
    """What was learnt from some versions, each of them once."""
    once = {manifest.entries.key: manifest for manifest in versions}
    for manifest in once.values():
        entries = Entries(store, manifest)
        apart = frozenset(one.sha256 for one in entries.kept(Split.TEST))
        yield Learnt(entries.kept(Split.TRAIN, Split.VAL), apart)


def _answers(
    manifest: DatasetManifest, test: Sequence[Kept], model: Model, given: Floats
) -> Answers:
    label_of = {name: label for label, name in enumerate(manifest.classes)}
    return Answers(
        model=model,
        classes=manifest.classes,
        labels=np.array([label_of[one.label] for one in test], np.int64),
        groups=np.array([one.group for one in test]),
        probabilities=given.astype(np.float64),
    )


def _check_whole(manifest: DatasetManifest, test: Sequence[Kept], replies: Replies) -> None:
    """Raise DataError unless every test image was asked about, once."""
    if replies.samples == [one.sha256 for one in test]:
        return
    raise DataError(
        f"the test shards of {manifest.dataset} {manifest.version} hold {len(replies.samples)}"
        " images that count",
        f"the {len(test)} of its table of entries, each once",
        "Ingest again",
    )
