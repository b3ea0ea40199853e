"""What no version of a data set refers to. Pure: decided over listings.

What refers to others is removed before what it refers to, so that a removal that is cut short
leaves nothing that names a missing object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ray_jobs.contract import keys
from ray_jobs.storage import Listed
from tasks.ingest.staging import Staged


class Kind(StrEnum):
    """What garbage is, in the order in which it is removed."""

    MEMORY = "memory"
    STAGING = "staging"
    ENTRIES = "entries"
    SHARDS = "shards"
    RAW = "raw"


Garbage = Mapping[Kind, list[Listed]]


@dataclass(frozen=True)
class Live:
    """What the published versions refer to.

    Attributes:
      named: keys of their entries and shards.
      originals: sha256 of every picture in their entries, 32 bytes each: a million must fit.
    """

    named: set[str] = field(default_factory=set[str])
    originals: set[bytes] = field(default_factory=set[bytes])


def stray_originals(listing: Iterable[Listed], live: Live) -> Iterator[Listed]:
    """The originals that no version has in its entries; a key of another form is not ours."""
    for one in listing:
        sha256 = keys.raw_sha256(one.key)
        if sha256 and bytes.fromhex(sha256) not in live.originals:
            yield one


def stray_shards(listing: Iterable[Listed], live: Live) -> Iterator[Listed]:
    """The shards that no manifest names."""
    return (one for one in listing if one.key not in live.named)


def stray_entries(listing: Iterable[Listed], live: Live) -> Iterator[Listed]:
    """What lies in a version's folder and is neither a manifest nor named by one."""
    for one in listing:
        inside = keys.version_of(one.key) and not keys.manifest_of(one.key)
        if inside and one.key not in live.named:
            yield one


def old(listing: Iterable[Listed], before: datetime) -> list[Listed]:
    """What was written at `before` or earlier."""
    return [one for one in listing if one.modified <= before]


def under_way(staged: Iterable[Listed], before: datetime) -> Listed | None:
    """A staged object of an ingest that has not ended, written after `before`; None without one."""
    running = (one for one in staged if not one.key.endswith(f"/{Staged.RECEIPT}"))
    return next((one for one in running if one.modified > before), None)
