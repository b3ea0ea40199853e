"""Which of the queued asset events a retraining acts on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def newest_version(events: Iterable[Mapping[str, str]], dataset: str) -> str | None:
    """The version that the last event of `dataset` announces; None where none is of it.

    Args:
      events: `{"dataset", "version", "manifest"}` each, oldest first.
      dataset: the data set that the run acts on.

    >>> newest_version([{"dataset": "a", "version": "1"}, {"dataset": "b", "version": "2"}], "a")
    '1'
    """
    versions = [event["version"] for event in events if event.get("dataset") == dataset]
    return versions[-1] if versions else None
