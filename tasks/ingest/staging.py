"""What one ingest hands from step to step, so that each may run again on another machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ray_jobs.contract import keys
from ray_jobs.contract.errors import ClusterError, DataError
from ray_jobs.storage import Store


class Staged(StrEnum):
    """The objects, in the order in which the steps write them."""

    SOURCE = "source.json"
    INSPECTED = "inspected.parquet"
    ASSIGNED = "assigned.parquet"
    SHARDED = "sharded.parquet"
    SHARDS = "shards.json"
    RECEIPT = "published.json"


@dataclass(frozen=True)
class Staging:
    """The staged objects of one ingest."""

    store: Store
    dataset: str
    ingest_id: str

    def begin(self, source: bytes) -> None:
        """Stage the source, before anything is looked for in the store: the ingest is under way.

        A collection of garbage marks itself, and then looks for ingests; an ingest does the same
        the other way round. So whichever comes second sees the first.

        Raises:
          ClusterError: garbage is being collected; what is found now may be gone in a moment.
        """
        self.write(Staged.SOURCE, source)
        if self.store.exists(keys.collecting()):
            self.store.delete([self._key(Staged.SOURCE)])
            raise ClusterError(
                "garbage is being collected",
                "an ingest while none is",
                "Wait until `sortline dataset gc` has ended; run it again if it was killed",
            )

    def write(self, name: Staged, data: bytes) -> None:
        """Write one, over what an earlier try of the step has left."""
        self.store.put(self._key(name), data)

    def find(self, name: Staged) -> bytes | None:
        """The bytes of one, or None where it is not there."""
        found = self.store.get_tagged(self._key(name))
        return None if found is None else found.data

    def read(self, name: Staged) -> bytes:
        """The bytes of one.

        Raises:
          DataError: the step before has not run, or the ingest is over.
        """
        data = self.find(name)
        if data is None:
            raise DataError(
                f"{self.store.uri(self._key(name))} does not exist",
                "what the step before has written, until the ingest is published",
                "Run the ingest again from its first step",
            )
        return data

    def clear(self) -> None:
        """Remove all but the receipt, what was written last first.

        The receipt (some 300 bytes) stays: a `publish` that is repeated answers the same.
        """
        gone = [name for name in reversed(Staged) if name is not Staged.RECEIPT]
        self.store.delete(self._key(name) for name in gone)

    def _key(self, name: Staged) -> str:
        return keys.staging(self.dataset, self.ingest_id, name)
