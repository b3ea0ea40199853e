"""What of a run may go. Pure: decided over its listing and what its card names.

A complete run has its card. Its checkpoints are of no use any more; its files stay as long as its
version is kept, its documents for good. Of a run that was given up all goes but what was ordered
and the number that it got, so that the same order begins anew; one whose version is kept loses
its checkpoints alone, once it is trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import NamedTuple

from ray_jobs.contract import keys
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.document import ObjectRef
from ray_jobs.storage import Listed


class Kind(StrEnum):
    """Why an object goes."""

    CHECKPOINTS = "checkpoints"
    GIVEN_UP = "given-up"
    UNREFERENCED = "unreferenced"
    SUPERSEDED = "superseded"


Leftovers = Mapping[Kind, list[Listed]]

_CHECKPOINTS = "ray-train/"
_FILES = ("export/", "weights/")
_JUDGED_FILES = ("exhibits/", "predictions")
_LASTING = ("spec.json", "registration.json")


class Age(NamedTuple):
    """What was written later stays.

    Attributes:
      complete: of a complete run.
      given_up: of another one, by its last object.
    """

    complete: datetime
    given_up: datetime


@dataclass(frozen=True)
class Run:
    """One run as it lies in the store.

    Attributes:
      run_id: its name.
      objects: all of them, and of its judgement.
      named: keys of the files that its card names; None where it has no card.
      is_kept: whether its version was champion once, or is among the newest.
    """

    run_id: str
    objects: tuple[Listed, ...]
    named: frozenset[str] | None
    is_kept: bool

    @property
    def checkpoints(self) -> Iterator[Listed]:
        """Those of its training."""
        return self._below(keys.run(self.run_id, _CHECKPOINTS))

    @property
    def files(self) -> Iterator[Listed]:
        """What its documents name, or named once."""
        made = (keys.run(self.run_id, prefix) for prefix in _FILES)
        judged = (keys.judged(self.run_id, prefix) for prefix in _JUDGED_FILES)
        return self._below(*made, *judged)

    @property
    def is_trained(self) -> bool:
        """Whether its training is done: it is not gone on with from a checkpoint any more."""
        return any(one.key == keys.run(self.run_id, "training.json") for one in self.objects)

    def _below(self, *prefixes: str) -> Iterator[Listed]:
        return (one for one in self.objects if one.key.startswith(prefixes))

    @property
    def ended(self) -> datetime:
        """When its card was written, or where there is none, the last object."""
        card = keys.judged(self.run_id, "card.json")
        last = (one.modified for one in self.objects if one.key == card)
        return next(last, None) or max(one.modified for one in self.objects)


def leftovers(run: Run, age: Age) -> Leftovers:
    """The objects of a run that may go, in the order in which they are removed."""
    if run.named is None:
        return _of_incomplete(run) if run.ended <= age.given_up else {}
    if run.ended > age.complete:
        return {}
    strays = [one for one in run.files if one.key not in run.named]
    found = {
        Kind.CHECKPOINTS: list(run.checkpoints),
        Kind.UNREFERENCED: [one for one in strays if one.modified <= age.complete],
    }
    if not run.is_kept:
        found[Kind.SUPERSEDED] = [one for one in run.objects if one.key in run.named]
    return found


def _of_incomplete(run: Run) -> Leftovers:
    if not run.is_kept:
        return {Kind.GIVEN_UP: _backwards(run)}
    return {Kind.CHECKPOINTS: list(run.checkpoints)} if run.is_trained else {}


def _backwards(run: Run) -> list[Listed]:
    """Documents before what they name, the newest first: cut short, an earlier state is left."""
    lasting = {keys.run(run.run_id, name) for name in _LASTING}
    return sorted(
        (one for one in run.objects if one.key not in lasting),
        key=lambda one: (not _is_document(one.key), -_instant(one)),
    )


def named_by(card: ModelCard) -> frozenset[str]:
    """The keys of the files that a complete run's documents name."""
    return frozenset(ref.key for ref in _references(card))


def _references(card: ModelCard) -> Iterator[ObjectRef]:
    yield card.training.weights
    yield card.evaluation.predictions
    for export in card.exports.exports:
        yield from export.files
    for exhibit in card.evaluation.exhibits:
        yield from (exhibit.picture, exhibit.overlay)


def _is_document(key: str) -> bool:
    """Whether it lies in no folder of its run.

    >>> _is_document(keys.run("ab12", "exports.json")), _is_document(keys.judged("ab12", "a/b"))
    (True, False)
    """
    return len(PurePosixPath(key).parts) == len(PurePosixPath(keys.run("_", "_")).parts)


def _instant(one: Listed) -> float:
    return one.modified.timestamp()
