"""Who each Ray job belongs to, in the object store: `owners/<submission_id>.json` (ADR 0006)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

from ray_jobs.contract import keys
from ray_jobs.contract.document import Document, Part
from ray_jobs.contract.errors import SpecError
from ray_jobs.storage import Store
from tasks.operators.ownership import Claim, Claimed, Record
from tasks.settings import Settings

log = logging.getLogger(__name__)


class Owner(Part):
    """One try of one task (`tasks.operators.ownership.Claim`)."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    try_id: str


class OwnerRecord(Document):
    """`owners/<submission_id>.json`, moved by If-Match, gone with the job."""

    submission_id: str
    owner: Owner
    being_stopped: bool


class StoredOwnership:
    """The records of `tasks.operators.ownership.Ownership`, one object a job."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def claim(self, submission_id: str, claim: Claim) -> Claimed:
        """Make `claim` the owner, unless the job is being stopped or a newer try has it."""
        while True:
            record, etag = self._read(submission_id)
            if record is not None and record.being_stopped:
                return Claimed.BEING_STOPPED
            if record is not None and record.owner.is_newer_than(claim):
                return Claimed.SUPERSEDED
            if self._write(Record(submission_id, claim), etag):
                return Claimed.MINE

    def resign(self, submission_id: str, claim: Claim) -> bool:
        """Turn a job of `claim` or of nobody into one that is being stopped; False if another's."""
        given_up = Record(submission_id, claim, being_stopped=True)
        while True:
            record, etag = self._read(submission_id)
            if record is not None and record.owner != claim:
                return False
            if (record is not None and record.being_stopped) or self._write(given_up, etag):
                return True

    def forget(self, submission_id: str, claim: Claim) -> None:
        """Remove the record of a job that is gone, unless it is another task's by now."""
        record, _ = self._read(submission_id)
        if record is not None and (record.being_stopped or claim.is_or_follows(record.owner)):
            self._store.delete([keys.owner(submission_id)])

    def records(self) -> Iterator[Record]:
        """Every record there is, read as it is reached; one that cannot be read is left out."""
        for key in self._store.keys(keys.owner_prefix()):
            try:
                record, _ = self._read(keys.owned_job(key))
            except SpecError as error:  # of another version, say: no reason to leave the others
                log.warning("an owner's record is passed over: %s", error)
                continue
            if record is not None:
                yield record

    def _read(self, submission_id: str) -> tuple[Record | None, str | None]:
        key = keys.owner(submission_id)
        found = self._store.get_tagged(key)
        if found is None:
            return None, None
        kept = OwnerRecord.from_json(found.data, origin=self._store.uri(key))
        owner = Claim.from_json(kept.owner.model_dump())
        return Record(submission_id, owner, kept.being_stopped), found.etag

    def _write(self, record: Record, etag: str | None) -> bool:
        kept = OwnerRecord(
            submission_id=record.submission_id,
            owner=Owner(**record.owner.to_json()),
            being_stopped=record.being_stopped,
        )
        key = keys.owner(record.submission_id)
        return self._store.compare_and_set(key, kept.to_json(), etag=etag)


def of_settings() -> StoredOwnership:
    """The records in the bucket that this process's environment names."""
    return StoredOwnership(Settings.from_env(os.environ).store("judge"))
