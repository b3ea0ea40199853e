"""What a report is made of: read from the store, so that the page itself is made of values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from ray_jobs.contract import keys
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.champion import Registration
from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.document import ObjectRef
from ray_jobs.storage import Store, fetch, find_document, read_document
from tasks.dataset.entries import iter_entries
from tasks.report.set_aside import Aside, set_aside
from tasks.report.steps import Step, read_steps

_THREADS = 8


@dataclass(frozen=True)
class Material:
    """All that a report shows.

    Attributes:
      card: of the run.
      manifest: of the data set version that it was trained on.
      judged: of the version that it was judged on; None where that is the same one.
      registration: where it lies in MLflow; None of a run from before this was kept.
      steps: of the training; none of a run from before they were kept.
      aside: the files of the version that are not kept.
      pictures: the JPEGs of the exhibits, by sha256.
    """

    card: ModelCard
    manifest: DatasetManifest
    judged: DatasetManifest | None = None
    registration: Registration | None = None
    steps: Sequence[Step] = ()
    aside: Sequence[Aside] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


def gather(store: Store, card: ModelCard, manifest: DatasetManifest) -> Material:
    """Read what the report of a card shows.

    Raises:
      DataError: a picture, a manifest or the table of entries is not what was written.
      MissingObjectError: one of them is gone.
    """
    run_id = card.spec.run_id
    steps = store.get_tagged(keys.steps(run_id))
    exhibits = card.evaluation.exhibits
    return Material(
        card=card,
        manifest=manifest,
        judged=_judged(store, card),
        registration=find_document(store, Registration, keys.run(run_id, "registration.json")),
        steps=read_steps(steps.data) if steps else (),
        aside=set_aside(iter_entries(fetch(store, manifest.entries))),
        pictures=_fetch_all(store, [ref for one in exhibits for ref in (one.picture, one.overlay)]),
    )


def _judged(store: Store, card: ModelCard) -> DatasetManifest | None:
    newest = card.evaluation.manifest
    if newest.version == card.spec.manifest.version:
        return None
    return read_document(store, DatasetManifest, newest.key)


def _fetch_all(store: Store, refs: Iterable[ObjectRef]) -> dict[str, bytes]:
    once = {ref.sha256: ref for ref in refs}  # a picture may be a mistake and a disagreement
    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip(once, pool.map(partial(fetch, store), once.values()), strict=True))
