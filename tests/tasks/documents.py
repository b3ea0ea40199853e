"""Small whole documents for tests; every figure can be worked out by hand."""

from __future__ import annotations

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import (
    DatasetManifest,
    LatestVersion,
    ShardRef,
    SourceRef,
    Split,
    StateCounts,
)
from ray_jobs.contract.document import ObjectRef
from ray_jobs.contract.evaluation import ClassScore, EvaluationResult, Scores
from ray_jobs.contract.export import Export, ExportFormat, ExportResult, VerificationResult
from ray_jobs.contract.recipe import Recipe, Schedule
from ray_jobs.contract.run import ManifestRef, Resources, RunSpec
from ray_jobs.contract.training import EpochMetrics, TrainingResult
from ray_jobs.contract.verdict import Decision, Verdict
from ray_jobs.storage import Store, write_document

CLASSES = ("glass", "metal", "paper")
RECIPE = Recipe(
    name="tiny",
    summary="for tests",
    backbone="efficientnet-lite0",
    trainable="head",
    image_px=32,
    epochs=3,
    batch_size=8,
    schedule=Schedule(base_lr=0.01, warmup_epochs=1),
)


def manifest(dataset: str = "sample", version: str = "v1") -> DatasetManifest:
    counts = {Split.TRAIN: 70, Split.VAL: 15, Split.TEST: 15}
    size = {"size_bytes": 9, "records": 9, "stored": 9}
    return DatasetManifest(
        dataset=dataset,
        version=version,
        source=SourceRef(uri="sample:", format="folder"),
        classes=CLASSES,
        images=StateCounts(kept=300, duplicate=4, conflict=2, quarantined=1),
        splits={split: dict.fromkeys(CLASSES, count) for split, count in counts.items()},
        shards={
            split: (ShardRef(key=f"shards/{split}/a", sha256="a" * 64, **size),) for split in Split
        },
        entries=ref(keys.entries(dataset, version, "a" * 64)),
    )


def publish(store: Store, document: DatasetManifest) -> None:
    write_document(store, document, keys.manifest(document.dataset, document.version))
    latest = LatestVersion(dataset=document.dataset, version=document.version)
    store.put(keys.latest(document.dataset), latest.to_json())


def ref(key: str) -> ObjectRef:
    return ObjectRef(key=key, sha256="0123456789abcdef" * 4, size_bytes=1234)


def spec(run_id: str = "abc") -> RunSpec:
    return RunSpec(
        run_id=run_id,
        fingerprint="f" * 64,
        manifest=ManifestRef(dataset="sample", version="v1", key=keys.manifest("sample", "v1")),
        recipe=RECIPE,
        seed=0,
        resources=Resources(workers_min=2, workers_max=2),
        code_version="deadbeef",
    )


def training(run_id: str = "abc", epochs: int = 3) -> TrainingResult:
    return TrainingResult(
        run_id=run_id,
        classes=CLASSES,
        weights=ref(keys.run(run_id, "best.weights.h5")),
        best_epoch=epochs,
        epochs=tuple(
            EpochMetrics(
                epoch=epoch,
                step=26 * epoch,
                learning_rate=0.01 / epoch,
                loss=1 / epoch,
                accuracy=1 - 0.5 / epoch,
                val_loss=1.2 / epoch,
                val_accuracy=1 - 0.6 / epoch,
                images_per_s=100.0,
            )
            for epoch in range(1, epochs + 1)
        ),
        workers=2,
        resumed_from_step=0,
        seconds=12.5,
    )


def exports(run_id: str = "abc") -> ExportResult:
    prefix = keys.run(run_id, "export/savedmodel/")
    file = ref(prefix + "saved_model.pb")
    return ExportResult(
        run_id=run_id,
        image_px=32,
        classes=CLASSES,
        exports=(Export(format=ExportFormat.SAVED_MODEL, prefix=prefix, files=(file,)),),
        probe=ref(keys.run(run_id, "probe.npz")),
        seconds=3.0,
    )


def scores(correct: int, images: int = 45, *, run_id: str = "abc", version: int | None = None):
    accuracy = correct / images
    score = ClassScore(images=images // 3, recall=accuracy, precision=None)
    return Scores(
        model_version=version,
        run_id=run_id,
        images=images,
        correct=correct,
        accuracy=accuracy,
        interval=(max(accuracy - 0.1, 0), min(accuracy + 0.1, 1)),
        classes=dict.fromkeys(CLASSES, score),
        confusion=((13, 1, 1), (0, 15, 0), (2, 0, 13)),
    )


def evaluation(candidate: Scores, champion: Scores | None = None) -> EvaluationResult:
    return EvaluationResult(
        run_id=candidate.run_id,
        manifest=spec().manifest,
        split=Split.TEST,
        candidate=candidate,
        champion=champion,
        seconds=2.0,
    )


def verdict(run_id: str = "abc", decision: Decision = Decision.PROMOTED) -> Verdict:
    return Verdict(run_id=run_id, decision=decision, reasons=("because",), champion_before=None)


def write_run(store: Store, run_id: str = "abc") -> None:
    """Every step document of a run, as the steps leave them."""
    checked = VerificationResult(run_id=run_id, images=4, max_difference=1e-7, tolerance=1e-5)
    for name, document in {
        "spec": spec(run_id),
        "training": training(run_id),
        "exports": exports(run_id),
        "verification": checked,
        "evaluation": evaluation(scores(41, run_id=run_id)),
        "verdict": verdict(run_id),
    }.items():
        write_document(store, document, keys.run(run_id, f"{name}.json"))
