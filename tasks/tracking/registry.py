"""Runs and model versions in MLflow: a record of what happened, never what decides (ADR 0003).

An MLflow run a run, an MLflow model version a run, a registered model a data set name. Each is
found by the tag `sortline.run_id`, so that every function can be called again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ray_jobs.contract import keys
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.champion import Registration
from ray_jobs.contract.errors import UserError
from ray_jobs.contract.run import RunSpec
from ray_jobs.contract.training import TrainingResult
from ray_jobs.contract.verdict import Verdict
from ray_jobs.storage import Store, read_document, write_document
from tasks.settings import Settings
from tasks.tracking import signature
from tasks.tracking.dotted import dotted
from tasks.tracking.mlflow_client import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

CHAMPION_ALIAS = "champion"
RUN_TAG = "sortline.run_id"
VERDICT_TAG = "sortline.verdict"
REASONS_TAG = "sortline.reasons"

_METRICS = ("learning_rate", "loss", "accuracy", "val_loss", "val_accuracy", "images_per_s")
_EPOCHS_A_BATCH = 1000 // len(_METRICS)  # the server takes 1,000 metrics a call
_REPORT = "report.html"
_FIGURES = "figures"  # a folder of PNGs, beside the report in the store and in MLflow
_MODEL = "model"  # artifact folder that a model version points at


def register_candidate(settings: Settings, store: Store, run_id: str) -> Registration:
    """Log a trained run and register its model; what is there already is found.

    What is registered is a description: spec, training and signature. The model itself lies in
    our bucket, where the tag `sortline.export` points. Which version it became is written down
    there too, for whoever does without MLflow.

    Raises:
      ClusterError, CredentialError: MLflow cannot be used (see `tasks.tracking.mlflow_client`).
      UserError: somebody deleted the data set's experiment, or MLflow has lost versions.
    """
    spec = read_document(store, RunSpec, keys.run(run_id, "spec.json"))
    training = read_document(store, TrainingResult, keys.run(run_id, "training.json"))
    tags = _lineage(spec) | {"sortline.export": store.uri(keys.run(run_id, "exports.json"))}
    model = spec.manifest.dataset
    with connect(settings) as client:
        run = _run(client, _experiment(client, model), run_id, tags)
        if run.info.status != "FINISHED":
            _log(client, run, spec, training)
        version = _version(client, model, run, tags)
    return _keep(
        store,
        Registration(
            run_id=run_id,
            model=model,
            model_version=version,
            mlflow_run_id=run.info.run_id,
            url=f"{settings.mlflow_uri}/#/models/{model}/versions/{version}",
            run_url=_run_url(settings, run.info.experiment_id, run.info.run_id),
        ),
    )


def keep_report(settings: Settings, store: Store, mlflow_run_id: str, key: str) -> str:
    """Put a run's report and its figures beside its MLflow run, where a browser can open them.

    Returns:
      The address of MLflow's page that shows the report.

    Raises: as `connect`; MissingObjectError where there is no report.
    """
    html = store.get(key).decode()
    with connect(settings) as client, TemporaryDirectory() as folder:
        for figure in store.keys(key.removesuffix(_REPORT) + f"{_FIGURES}/"):
            (Path(folder) / PurePosixPath(figure).name).write_bytes(store.get(figure))
        client.log_artifacts(mlflow_run_id, folder, _FIGURES)
        client.log_text(mlflow_run_id, html, _REPORT)
        experiment_id = client.get_run(mlflow_run_id).info.experiment_id
    return _run_url(settings, experiment_id, mlflow_run_id, f"/artifacts/{_REPORT}")


def set_verdict_tags(settings: Settings, model: str, version: int, verdict: Verdict) -> None:
    """Write the verdict and its reasons beside the model version. Raises as `connect`."""
    with connect(settings) as client:
        client.set_model_version_tag(model, str(version), VERDICT_TAG, verdict.decision.value)
        client.set_model_version_tag(model, str(version), REASONS_TAG, "; ".join(verdict.reasons))


def keep_card(settings: Settings, mlflow_run_id: str, card: ModelCard) -> None:
    """Put the card beside the model's description. Raises as `connect`."""
    with connect(settings) as client:
        client.log_text(mlflow_run_id, card.to_json().decode(), f"{_MODEL}/card.json")


def set_champion_alias(settings: Settings, model: str, version: int) -> None:
    """Point the alias `champion` at the version that our own pointer names.

    Raises:
      UserError: MLflow knows no such version.
      ClusterError, CredentialError: MLflow cannot be used.
    """
    with connect(settings) as client:
        from mlflow.exceptions import MlflowException

        try:
            client.set_registered_model_alias(model, CHAMPION_ALIAS, str(version))
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise UserError(
                f"MLflow knows no version {version} of model '{model}'",
                "an MLflow that knows every version it ever gave",
                "Restore its database",
            ) from error


def _run_url(settings: Settings, experiment_id: str, mlflow_run_id: str, page: str = "") -> str:
    # Without the last part MLflow 3 shows a training as an "evaluation run" of an agent.
    run = f"{settings.mlflow_uri}/#/experiments/{experiment_id}/runs/{mlflow_run_id}"
    return f"{run}{page}?workflowType=machine_learning"


def _keep(store: Store, registered: Registration) -> Registration:
    """Write a registration down, once; MLflow's addresses may change, the version may not."""
    for key in (
        keys.model_version(registered.model, registered.model_version),
        keys.run(registered.run_id, "registration.json"),
    ):
        write_document(store, registered, key)
        kept = read_document(store, Registration, key)
        if (kept.run_id, kept.model_version) != (registered.run_id, registered.model_version):
            raise _lost_versions(store.uri(key), kept, registered)
    return registered


def _lost_versions(uri: str, kept: Registration, registered: Registration) -> UserError:
    now = f"version {registered.model_version} of model '{registered.model}'"
    return UserError(
        f"MLflow calls run {registered.run_id} {now}; {uri} says that run {kept.run_id} is "
        f"version {kept.model_version}",
        "an MLflow that knows every version it ever gave",
        "Restore its database",
    )


def _lineage(spec: RunSpec) -> dict[str, str]:
    return {
        RUN_TAG: spec.run_id,
        "sortline.dataset": spec.manifest.dataset,
        "sortline.dataset_version": spec.manifest.version,
        "sortline.code_version": spec.code_version,
        "sortline.fingerprint": spec.fingerprint,
        "sortline.recipe": spec.recipe.name,
    }


def _experiment(client: MlflowClient, name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        raise UserError(
            f"MLflow's experiment '{name}' was deleted",
            "an active one, or none",
            "Restore it in MLflow, or remove it for good with `mlflow gc`",
        )
    return found.experiment_id


def _run(client: MlflowClient, experiment_id: str, run_id: str, tags: Mapping[str, str]) -> Run:
    found = client.search_runs([experiment_id], f"tags.`{RUN_TAG}` = '{run_id}'", max_results=1)
    if found:
        return found[0]
    return client.create_run(experiment_id, tags=dict(tags), run_name=run_id)


def _log(client: MlflowClient, run: Run, spec: RunSpec, training: TrainingResult) -> None:
    """Log everything; a log that was cut short is logged again, onto itself."""
    from mlflow.entities import Metric, Param

    mlflow_run_id = run.info.run_id
    values = dict(dotted(spec.recipe.model_dump(mode="json")))
    values |= {"seed": spec.seed, "workers": training.workers}
    params = [Param(key, str(value)) for key, value in values.items()]
    client.log_batch(mlflow_run_id, params=params)
    for start in range(0, len(training.epochs), _EPOCHS_A_BATCH):
        # The clock of the run's start, so that a second logging writes the same rows.
        metrics = [
            Metric(name, getattr(epoch, name), run.info.start_time + epoch.epoch, epoch.epoch)
            for epoch in training.epochs[start : start + _EPOCHS_A_BATCH]
            for name in _METRICS
        ]
        client.log_batch(mlflow_run_id, metrics=metrics)
    client.log_text(mlflow_run_id, spec.to_json().decode(), f"{_MODEL}/spec.json")
    client.log_text(mlflow_run_id, training.to_json().decode(), f"{_MODEL}/training.json")
    described = signature.describe(
        mlflow_run_id, _MODEL, image_px=spec.recipe.image_px, classes=len(training.classes)
    )
    client.log_text(mlflow_run_id, described, f"{_MODEL}/MLmodel")
    client.set_terminated(mlflow_run_id, "FINISHED")


def _version(client: MlflowClient, model: str, run: Run, tags: Mapping[str, str]) -> int:
    from mlflow.exceptions import MlflowException

    found = client.search_model_versions(f"name = '{model}' and run_id = '{run.info.run_id}'")
    if found:
        return int(found[0].version)
    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    source = f"runs:/{run.info.run_id}/{_MODEL}"
    made = client.create_model_version(
        model, source, run.info.run_id, tags=dict(tags), await_creation_for=0
    )
    return int(made.version)
