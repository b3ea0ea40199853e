"""The model card: what each step of a run wrote, in one document."""

from __future__ import annotations

from ray_jobs.contract import keys
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.evaluation import EvaluationResult
from ray_jobs.contract.export import ExportResult, VerificationResult
from ray_jobs.contract.run import RunSpec
from ray_jobs.contract.training import TrainingResult
from ray_jobs.contract.verdict import Verdict
from ray_jobs.storage import Store, read_document


def assemble_card(store: Store, run_id: str, model: str, model_version: int) -> ModelCard:
    """The card of a run that has its verdict, from what each step wrote.

    Args:
      store: the bucket, as `judge`.
      run_id: a run that has its verdict.
      model: the registered model's name.
      model_version: the version that the run registered.

    Raises:
      MissingObjectError: a step has not written its document yet.
    """
    return ModelCard(
        spec=read_document(store, RunSpec, keys.run(run_id, "spec.json")),
        training=read_document(store, TrainingResult, keys.run(run_id, "training.json")),
        exports=read_document(store, ExportResult, keys.run(run_id, "exports.json")),
        verification=read_document(
            store, VerificationResult, keys.run(run_id, "verification.json")
        ),
        evaluation=read_document(store, EvaluationResult, keys.judged(run_id, "evaluation.json")),
        verdict=read_document(store, Verdict, keys.run(run_id, "verdict.json")),
        model=model,
        model_version=model_version,
    )
