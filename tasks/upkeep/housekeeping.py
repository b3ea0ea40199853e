"""Find what of the runs may go, and remove it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from ray_jobs.contract import keys
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.champion import Registration
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.removal import Removal
from ray_jobs.storage import Listed, Store, find_document, read_document, write_document
from tasks.judging import champion, roll
from tasks.upkeep.leftovers import Age, Kind, Leftovers, Run, leftovers, named_by

log = logging.getLogger(__name__)


def tidy(
    store: Store, age: Age, *, keep_candidates: int, is_training: Callable[[], bool]
) -> Leftovers:
    """Remove what may go; what was, by kind.

    Args:
      store: the bucket, as `judge`.
      age: what was written later stays.
      keep_candidates: how many of the newest versions of each model stay whole, beside those that
        ever were champion.
      is_training: whether a run is under way that may be one without a card.

    Raises:
      SpecError: a champion's pointer, or one of the newest registrations of a model, cannot be
        read: it is named, and nothing more goes, for nobody knows which run it keeps.
    """
    gone: dict[Kind, list[Listed]] = defaultdict(list)
    for run, found in _found(store, age, keep_candidates, is_training):
        if _claim(store, run, found):
            for kind in Kind:
                store.delete(one.key for one in found.get(kind, ()))
                gone[kind] += found.get(kind, ())
    return gone


def would_tidy(
    store: Store, age: Age, *, keep_candidates: int, is_training: Callable[[], bool]
) -> Leftovers:
    """What `tidy` would remove; nothing is. Raises what it would raise."""
    would: dict[Kind, list[Listed]] = defaultdict(list)
    for _, found in _found(store, age, keep_candidates, is_training):
        for kind, objects in found.items():
            would[kind] += objects
    return would


def kept_runs(store: Store, keep_candidates: int) -> set[str]:
    """The runs whose version ever was champion, or is among the newest of its model."""
    kept: set[str] = set()
    for model in roll.models(store):
        kept |= _champions(store, model) | _newest(store, model, keep_candidates)
    return kept


def _found(
    store: Store, age: Age, keep_candidates: int, is_training: Callable[[], bool]
) -> Iterator[tuple[Run, Leftovers]]:
    for run in _runs(store, keep_candidates):
        found = leftovers(run, age)
        # Asked each time: a training that began meanwhile may take up this very run.
        if found and run.named is None and is_training():
            continue
        yield run, found


def _claim(store: Store, run: Run, found: Leftovers) -> bool:
    """Say that the files go; False, with nothing said, where the run was made champion meanwhile.

    Who promotes moves the pointer, then looks for the removal; here the removal is written, then
    the pointers are read again. So of the two at once, at least one sees the other.
    """
    announced = _announce(store, run, found.get(Kind.SUPERSEDED))
    if run.is_kept or run.run_id not in _ever_champion(store):
        return True
    if announced:
        store.delete([keys.removal(run.run_id)])
    log.info("run %s was made champion meanwhile: left to the next time", run.run_id)
    return False


def _announce(store: Store, run: Run, superseded: list[Listed] | None) -> bool:
    """Write what goes; False where there is nothing, or a sweep that was cut short wrote it."""
    if not superseded:
        return False
    size_bytes = sum(one.size_bytes for one in superseded)
    removal = Removal(run_id=run.run_id, objects=len(superseded), size_bytes=size_bytes)
    return write_document(store, removal, keys.removal(run.run_id))


def _ever_champion(store: Store) -> set[str]:
    return {run_id for model in champion.models(store) for run_id in _champions(store, model)}


def _runs(store: Store, keep_candidates: int) -> Iterator[Run]:
    kept = kept_runs(store, keep_candidates)
    listing = store.listed(keys.run_prefix())
    for run_id, objects in groupby(listing, lambda one: keys.run_of(one.key)):
        if run_id is not None and (run := _run(store, run_id, objects, kept)) is not None:
            yield run


def _run(store: Store, run_id: str, objects: Iterable[Listed], kept: set[str]) -> Run | None:
    """A run, or None where its card cannot be read: nobody knows what it names."""
    try:
        card = find_document(store, ModelCard, keys.judged(run_id, "card.json"))
    except SpecError as error:
        log.warning("run %s is left alone: %s", run_id, error)
        return None
    whole = (*objects, *store.listed(keys.judged(run_id)))
    return Run(run_id, whole, named_by(card) if card else None, run_id in kept)


def _champions(store: Store, model: str) -> set[str]:
    pointer = champion.read(store, model).pointer
    return {made.run_id for made in pointer.history} if pointer else set()


def _newest(store: Store, model: str, count: int) -> set[str]:
    return {
        read_document(store, Registration, keys.model_version(model, version)).run_id
        for version in roll.versions(store, model)[:count]
    }
