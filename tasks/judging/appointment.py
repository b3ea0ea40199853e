"""A person's own promotion: any version that can be used, whatever the gate said of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ray_jobs.contract import keys
from ray_jobs.contract.champion import Act, ChampionPointer, Registration
from ray_jobs.contract.errors import DataError, SpecError
from ray_jobs.contract.export import ExportFormat, VerificationResult
from ray_jobs.contract.run import RunSpec
from ray_jobs.contract.verdict import Verdict
from ray_jobs.storage import Store, find_document, read_document
from tasks.judging import champion
from tasks.judging.roll import find_version, is_whole


@dataclass(frozen=True)
class Appointment:
    """What a person's promotion came to.

    Attributes:
      pointer: the champion of now, and all moves before.
      moved: False where the version was the champion already.
      verdict: the gate's on this version; None where it has not spoken.
    """

    pointer: ChampionPointer
    moved: bool
    verdict: Verdict | None


def appoint(
    store: Store, model: str, version: int, *, by: str, at: datetime, reason: str
) -> Appointment:
    """Make a registered version the champion; it needs the object store alone.

    Args:
      store: the bucket, as `judge`.
      model: the registered model's name.
      version: one whose SavedModel is published.
      by: who does it.
      at: when, an aware instant.
      reason: why, in their own words; kept in the pointer's history.

    Raises:
      SpecError: there is no such version, or the reason is empty.
      DataError: it was never exported, its SavedModel falls short, or its files are gone; where
        they went meanwhile, the champion before, if there is one, is the champion again.
      LostRaceError: the champion moved meanwhile.
    """
    if not reason.strip():
        raise SpecError("no reason is given", "why this version", "Pass --reason TEXT")
    registration = find_version(store, model, version)
    before = champion.read(store, model).pointer
    if before is None or before.model_version != version:
        _check_usable(store, registration)
    to = champion.move(version, registration.run_id, by=by, at=at, act=Act.PROMOTION, reason=reason)
    verdict = find_document(store, Verdict, keys.run(registration.run_id, "verdict.json"))
    pointer = champion.appoint(store, model, to)
    moved = to in pointer.history
    # Looked for once more: housekeeping may have begun between the check and the move.
    if moved and not is_whole(store, registration.run_id):
        gone = f"the files of version {version} went meanwhile"
        now = champion.undo(store, model, to, reason=gone)
        raise _files_gone(registration, is_champion=now.run_id == registration.run_id)
    return Appointment(pointer, moved=moved, verdict=verdict)


def _check_usable(store: Store, registration: Registration) -> None:
    named = _named(registration)
    key = keys.run(registration.run_id, "verification.json")
    verification = find_document(store, VerificationResult, key)
    if verification is None:
        spec = read_document(store, RunSpec, keys.run(registration.run_id, "spec.json"))
        raise DataError(
            f"{named} was never exported and verified: {store.uri(key)} does not exist",
            "a version whose run came as far as `verify`",
            f"Trigger `retrain_classifier` with its recipe ({spec.recipe.name}, with the same "
            f"keys), data set version ({spec.manifest.version}) and seed ({spec.seed}), on its "
            f"code ({spec.code_version}): its run {spec.run_id} goes on where it was",
        )
    if ExportFormat.SAVED_MODEL not in verification.published:
        raise DataError(
            f"the SavedModel of {named} is not published: {_why(verification)}",
            "an export that answers as the trained model does",
            "Take another version (`sortline models`)",
        )
    if not is_whole(store, registration.run_id):
        raise _files_gone(registration)


def _files_gone(registration: Registration, *, is_champion: bool = False) -> DataError:
    though = ", and it is the champion now" if is_champion else ""
    return DataError(
        f"the files of {_named(registration)} were removed by housekeeping{though}",
        "a version whose export is still there",
        "Take another version (`sortline models`), or train it again with --force",
    )


def _named(registration: Registration) -> str:
    return f"version {registration.model_version} of model '{registration.model}'"


def _why(verification: VerificationResult) -> str:
    reasons = {one.format: one.reason for one in verification.formats}
    return reasons.get(ExportFormat.SAVED_MODEL) or "it was not made"
