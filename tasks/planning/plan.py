"""The plan of a run: its name, its spec, and whether it was judged already (ADR 0002)."""

from __future__ import annotations

from itertools import count

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, LatestVersion
from ray_jobs.contract.document import Part, digest
from ray_jobs.contract.errors import ClusterError, DataError
from ray_jobs.contract.recipe import Recipe
from ray_jobs.contract.run import ManifestRef, RunSpec, check_batch
from ray_jobs.recipes import catalog
from ray_jobs.storage import Store, find_document
from tasks.planning.order import Order, parse_conf, parse_workers

__all__ = [
    "Order",
    "Plan",
    "fingerprint",
    "parse_conf",
    "parse_workers",
    "plan_run",
]

RUN_ID_DIGITS = 12


class Plan(Part):
    """What the steps of a run are told.

    Where `unchanged`, nothing is to be done: `run_id` is the newest run of this fingerprint that
    was judged. `budget_minutes` is the longest that the training job may take (None: as long as
    its step allows); `require_approval` asks a person before a promotion.
    """

    run_id: str
    spec_uri: str
    fingerprint: str
    dataset: str
    version: str
    recipe: str
    model: str
    unchanged: bool
    budget_minutes: int | None = None
    require_approval: bool = False


def fingerprint(manifest: ManifestRef, recipe: Recipe, seed: int, code_version: str) -> str:
    """sha256 (hex) over everything that decides what is learnt, and nothing else.

    Where the manifest lies, the resources, the budget, the approval and the note are left out.
    The data set's name is in: two names with the same images have two models.
    """
    data = {"dataset": manifest.dataset, "version": manifest.version}
    learnt = {"manifest": data, "recipe": recipe.model_dump(mode="json")}
    return digest(learnt | {"seed": seed, "code_version": code_version})


def plan_run(store: Store, order: Order, *, code_version: str, use_gpu: bool = False) -> Plan:
    """Name the run that an order asks for, and write its spec where it has no verdict yet.

    Args:
      store: the bucket, as `judge`.
      order: what was ordered.
      code_version: commit (and hash of the diff), or the label of the image.
      use_gpu: whether each worker gets a GPU.

    Raises:
      SpecError: the recipe or one of the overrides is wrong, or its batch is less than the workers.
      DataError: the data set or its version does not exist.
      ClusterError: another plan wrote the same spec meanwhile.
    """
    manifest = _find_manifest(store, order.dataset, order.version)
    recipe = catalog.resolve(order.recipe, order.recipe_keys)
    check_batch(recipe.batch_size, order.workers_max)
    name = fingerprint(manifest, recipe, order.seed, code_version)
    judged, unjudged = _runs_of(store, name[:RUN_ID_DIGITS])
    run_id = unjudged if judged is None or _is_forced(store, order) else judged
    if run_id == unjudged:
        spec = RunSpec(
            run_id=run_id,
            fingerprint=name,
            manifest=manifest,
            recipe=recipe,
            seed=order.seed,
            resources=order.resources.model_copy(update={"use_gpu": use_gpu}),
            code_version=code_version,
            note=order.note,
        )
        _write_spec(store, spec)
    return Plan(
        run_id=run_id,
        spec_uri=store.uri(keys.run(run_id, "spec.json")),
        fingerprint=name,
        dataset=manifest.dataset,
        version=manifest.version,
        recipe=recipe.name,
        model=manifest.dataset,
        unchanged=run_id == judged,
        budget_minutes=order.budget_minutes,
        require_approval=order.require_approval,
    )


def _is_forced(store: Store, order: Order) -> bool:
    taken_up = order.takes_up
    return order.force and (taken_up is None or not _is_judged(store, taken_up))


def _is_judged(store: Store, run_id: str) -> bool:
    return store.exists(keys.judged(run_id, "card.json"))


def _runs_of(store: Store, base: str) -> tuple[str | None, str]:
    """The newest complete run of a fingerprint (None: none is), and the one that comes after it.

    The card is written last: a run that died between its verdict and its card is gone on with.
    """
    judged, run_id = None, base
    for number in count(2):
        if not _is_judged(store, run_id):
            break
        judged, run_id = run_id, f"{base}-{number}"
    return judged, run_id


def _write_spec(store: Store, spec: RunSpec) -> None:
    """Write the spec; one that is there already takes over the new resources and note."""
    key = keys.run(spec.run_id, "spec.json")
    found = store.get_tagged(key)
    if found is not None and found.data == spec.to_json():
        return
    if not store.compare_and_set(key, spec.to_json(), etag=found.etag if found else None):
        raise ClusterError(
            f"{store.uri(key)} was written by another plan meanwhile",
            "one plan of a run at a time",
            "Run it again",
        )


def _find_manifest(store: Store, dataset: str, version: str | None) -> ManifestRef:
    if version is None:
        latest = find_document(store, LatestVersion, keys.latest(dataset))
        if latest is None:
            raise _no_data_set(store, dataset)
        version = latest.version
    key = keys.manifest(dataset, version)
    manifest = find_document(store, DatasetManifest, key)
    if manifest is None:
        raise _no_version(store, dataset, version)
    return ManifestRef(dataset=manifest.dataset, version=manifest.version, key=key)


def _no_data_set(store: Store, dataset: str) -> DataError:
    known = {key.split("/")[1] for key in store.keys("datasets/") if key.endswith("/latest.json")}
    return DataError(
        f"there is no data set '{dataset}' in {store.uri('datasets/')}",
        f"one of: {', '.join(sorted(known)) or '(none yet)'}",
        f"Run `sortline ingest --source SOURCE --name {dataset}` first",
    )


def _no_version(store: Store, dataset: str, version: str) -> DataError:
    files = store.keys(f"datasets/{dataset}/")
    known = {key.split("/")[2] for key in files if key.endswith("/manifest.json")}
    if not known:
        return _no_data_set(store, dataset)
    return DataError(
        f"data set '{dataset}' has no version '{version}'",
        f"one of: {', '.join(sorted(known))}",
        "Leave the version out for the newest, or run `sortline ingest` to make one",
    )
