"""Who a Ray job belongs to: a record that moves atomically from try to try (ADR 0006).

A deferred task that is cleared runs its new try *before* the old trigger's `on_kill` comes, and
an `on_kill` is lost while the triggerer is down. So whoever wants to stop a job first gives it up
in its record, and only who still owns it can; whoever finds a job given up stops it to the end.

The records' home is not our business: an operator names a factory of an `Ownership` by import
path (`"package.module:function"`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Protocol, Self


@dataclass(frozen=True)
class Claim:
    """One try of one task: `try_id` is unique, `try_number` counts from 1."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    try_id: str

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a trigger's arguments or a record."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """What `to_json` made. Raises TypeError where a key is missing or unknown."""
        return cls(**values)

    def is_newer_than(self, other: Claim) -> bool:
        """Whether this is a later try of the very same task instance."""
        return self.task_instance == other.task_instance and self.try_number > other.try_number

    def is_or_follows(self, other: Claim) -> bool:
        """Whether this is that very try, or a later one of its task instance."""
        return self == other or self.is_newer_than(other)

    @property
    def task_instance(self) -> tuple[str, str, str, int]:
        """What all tries of one task instance share."""
        return self.dag_id, self.run_id, self.task_id, self.map_index


@dataclass(frozen=True)
class Record:
    """A job and its owner; one that was given up is being stopped, and cannot be taken over."""

    submission_id: str
    owner: Claim
    being_stopped: bool = False


class Claimed(Enum):
    """What became of a claim."""

    MINE = "mine"
    BEING_STOPPED = "being stopped"
    SUPERSEDED = "superseded"


class Ownership(Protocol):
    """The records. Every call may block; each raises what its store raises."""

    def claim(self, submission_id: str, claim: Claim) -> Claimed:
        """Make `claim` the owner, unless the job is being stopped or a newer try has it."""
        ...

    def resign(self, submission_id: str, claim: Claim) -> bool:
        """Turn a job of `claim` or of nobody into one that is being stopped; False if another's."""
        ...

    def forget(self, submission_id: str, claim: Claim) -> None:
        """Remove the record of a job that is gone.

        Only if it is of this try, of an earlier one of its task, or says "being stopped".
        """
        ...

    def records(self) -> Iterable[Record]:
        """Every record there is."""
        ...


class NoOwnership:
    """For a deployment that names no store: a job is always the asker's.

    Then the task's state alone decides about a stop, and a mark, a clear and a new try within the
    same second may end in a job that is stopped and submitted again.
    """

    def claim(self, submission_id: str, claim: Claim) -> Claimed:
        """Always the asker's."""
        return Claimed.MINE

    def resign(self, submission_id: str, claim: Claim) -> bool:
        """Always the asker's to give up."""
        return True

    def forget(self, submission_id: str, claim: Claim) -> None:
        """Nothing was kept."""

    def records(self) -> Iterable[Record]:
        """None: without records there is nothing to reconcile."""
        return ()


class KillDecision(Enum):
    """What a kill of a waiting task means for its job."""

    STOP = "stop"
    LEAVE = "leave"
    UNSURE = "unsure"


# Airflow's states in which a task instance will not go on by itself.
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


def decide(state: str | None) -> KillDecision:
    """What the state of a task says about the job that it waited for.

    Args:
      state: the task instance's state; `"none"` where it has none (it was cleared), None where
        Airflow could not be asked.

    >>> decide("failed"), decide("scheduled"), decide(None)
    (<KillDecision.STOP: 'stop'>, <KillDecision.LEAVE: 'leave'>, <KillDecision.UNSURE: 'unsure'>)
    """
    if state is None:
        return KillDecision.UNSURE
    return KillDecision.STOP if state in ENDED else KillDecision.LEAVE
