"""Which of the queued asset events a retraining acts on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def newest_version(events: Iterable[Mapping[str, str]], dataset: str) -> str | None:
    """The version that the last event of `dataset` announces; None where none is of it.

    An event says that there is something new, not what is the newest: two ingests may end in
    another order than their events are handled, and an event that waited for its run may speak
    of a version that has been followed since. What a run trains on is the pointer `latest.json`
    (moved by If-Match, before the event is sent); a later event of the same version then ends as
    `unchanged` at once.

    Args:
      events: `{"dataset", "version", "manifest"}` each, oldest first.
      dataset: the data set that the run acts on.

    >>> newest_version([{"dataset": "a", "version": "1"}, {"dataset": "b", "version": "2"}], "a")
    '1'
    """
    versions = [event["version"] for event in events if event.get("dataset") == dataset]
    return versions[-1] if versions else None
