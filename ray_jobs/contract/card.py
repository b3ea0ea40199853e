"""All that is known of a model version, in one document."""

from __future__ import annotations

from ray_jobs.contract.document import Document
from ray_jobs.contract.evaluation import EvaluationResult
from ray_jobs.contract.export import ExportResult, VerificationResult
from ray_jobs.contract.run import RunSpec
from ray_jobs.contract.training import TrainingResult
from ray_jobs.contract.verdict import Verdict


class ModelCard(Document):
    """`judged/<run_id>/card.json`: assembled last, from what each step wrote."""

    spec: RunSpec
    training: TrainingResult
    exports: ExportResult
    verification: VerificationResult
    evaluation: EvaluationResult
    verdict: Verdict
    model: str
    model_version: int
