"""The champion of a model: one pointer in the object store, moved by If-Match (ADR 0003)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from ray_jobs.contract import keys
from ray_jobs.contract.champion import Act, ChampionPointer, Promotion
from ray_jobs.contract.errors import ClusterError, DataError
from ray_jobs.storage import Store
from tasks.judging import history
from tasks.judging.roll import is_whole


class LostRaceError(ClusterError):
    """The champion is no longer the one that was compared with: compare again."""


class Reading(NamedTuple):
    """The pointer and the tag that a move must still find; both None before the first champion."""

    pointer: ChampionPointer | None
    etag: str | None


def read(store: Store, model: str) -> Reading:
    """The champion of now. Raises SpecError where the pointer is no pointer."""
    key = keys.champion(model)
    found = store.get_tagged(key)
    if found is None:
        return Reading(None, None)
    return Reading(ChampionPointer.from_json(found.data, origin=store.uri(key)), found.etag)


def models(store: Store) -> list[str]:
    """The name of every model that has a champion."""
    found = ((keys.model_of(key), key) for key in store.keys(keys.model_prefix()))
    return [model for model, key in found if model and key == keys.champion(model)]


def move(
    model_version: int,
    run_id: str,
    *,
    by: str,
    at: datetime,
    act: Act = Act.GATE,
    reason: str | None = None,
) -> Promotion:
    """One move of the pointer; `at` is an aware instant, kept in UTC."""
    instant = at.astimezone(UTC).isoformat()
    return Promotion(
        model_version=model_version, run_id=run_id, by=by, at=instant, act=act, reason=reason
    )


def promote(
    store: Store, model: str, to: Promotion, *, judged_against: int | None
) -> ChampionPointer:
    """Make a version the champion, if the champion is still the one that the gate compared with.

    A move that was made already (the task died before it could say so) is found, not repeated,
    even where it was rolled back since.

    Args:
      store: the bucket, as `judge`.
      model: the registered model's name.
      to: the new champion.
      judged_against: version of the champion of the comparison; None where there was none.

    Returns:
      The champion of now: another one, where somebody has moved it since.

    Raises:
      LostRaceError: the pointer moved meanwhile.
    """
    now = read(store, model)
    if now.pointer and history.is_made(now.pointer, to.run_id, since=judged_against):
        return now.pointer
    if (now.pointer.model_version if now.pointer else None) != judged_against:
        raise _lost(store, model)
    return _write(store, model, now, to)


def appoint(store: Store, model: str, to: Promotion) -> ChampionPointer:
    """Make a version the champion on a person's word, whatever the gate said.

    The champion of now stays as it is.

    Args:
      store: the bucket, as `judge`.
      model: the registered model's name.
      to: the new champion.

    Raises:
      LostRaceError: the pointer moved meanwhile.
    """
    now = read(store, model)
    if now.pointer is not None and now.pointer.model_version == to.model_version:
        return now.pointer
    return _write(store, model, now, to)


def rollback(
    store: Store,
    model: str,
    to_version: int | None,
    by: str,
    at: datetime,
    *,
    reason: str | None = None,
) -> ChampionPointer:
    """Make an earlier champion the champion again.

    The same call twice (same `by`, same `at`) is one move; the champion of now stays as it is.

    Args:
      store: the bucket, as `judge`.
      model: the registered model's name.
      to_version: a version that was champion once; None for the one before this one.
      by: who did it.
      at: when, an aware instant.
      reason: why, in their own words.

    Raises:
      DataError: there is no champion yet, or none before this one, or its files are gone.
      SpecError: the version never was champion.
      LostRaceError: the pointer moved meanwhile.
    """
    now = read(store, model)
    if now.pointer is None:
        raise no_champion(store, model)
    asked = (by, at.astimezone(UTC).isoformat())
    if asked in [(made.by, made.at) for made in now.pointer.history]:
        return now.pointer
    target = _target(now.pointer, to_version)
    if target.model_version == now.pointer.model_version:
        return now.pointer
    if not is_whole(store, target.run_id):
        raise _files_gone(model, target)
    back = move(target.model_version, target.run_id, by=by, at=at, act=Act.ROLLBACK, reason=reason)
    return _write(store, model, now, back)


def undo(store: Store, model: str, made: Promotion, *, reason: str) -> ChampionPointer:
    """Take a move back where it still is the last; there is none behind a first champion.

    Returns:
      The champion of now.

    Raises:
      LostRaceError: the pointer moved meanwhile.
      DataError: there is no champion.
    """
    now = read(store, model)
    if now.pointer is None:
        raise no_champion(store, model)
    *before, last = now.pointer.history
    if not before or last != made:
        return now.pointer
    told = {"by": last.by, "at": last.at, "act": Act.ROLLBACK, "reason": reason}
    return _write(store, model, now, before[-1].model_copy(update=told))


def _write(store: Store, model: str, now: Reading, to: Promotion) -> ChampionPointer:
    before = now.pointer.history if now.pointer else ()
    moved = ChampionPointer(
        model=model,
        model_version=to.model_version,
        run_id=to.run_id,
        history=(*before, to),
    )
    if store.compare_and_set(keys.champion(model), moved.to_json(), etag=now.etag):
        return moved
    # A write whose answer was lost is sent again (botocore does), and refused for its own sake.
    after = read(store, model).pointer
    if after is None or after.history[: len(moved.history)] != moved.history:
        raise _lost(store, model)
    return after


def _target(pointer: ChampionPointer, version: int | None) -> Promotion:
    return history.earlier(pointer) if version is None else history.last_move_to(pointer, version)


def no_champion(store: Store, model: str) -> DataError:
    """The error that names the models that have one."""
    return DataError(
        f"model '{model}' has no champion yet",
        f"one of the models that have: {', '.join(models(store)) or '(none yet)'}",
        f"Run `sortline retrain --name {model}` first",
    )


def _files_gone(model: str, target: Promotion) -> DataError:
    return DataError(
        f"the files of version {target.model_version} of model '{model}' were removed",
        "a version whose export is still there",
        "Name another version (`sortline models`)",
    )


def _lost(store: Store, model: str) -> LostRaceError:
    return LostRaceError(
        f"{store.uri(keys.champion(model))} moved while the candidate was judged",
        "the champion that the candidate was compared with",
        "Compare again, with the champion of now",
    )
