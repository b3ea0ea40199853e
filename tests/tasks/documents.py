"""Small whole documents for tests; every figure can be worked out by hand."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from math import comb

from PIL import Image

from ray_jobs.contract import keys
from ray_jobs.contract.champion import Registration
from ray_jobs.contract.dataset import (
    DatasetManifest,
    ImageState,
    LatestVersion,
    ShardRef,
    SourceRef,
    Split,
    StateCounts,
)
from ray_jobs.contract.document import ObjectRef
from ray_jobs.contract.evaluation import (
    Answer,
    CalibrationScore,
    ClassScore,
    Comparison,
    DataCheck,
    Estimate,
    EvaluationResult,
    Exhibit,
    ExhibitKind,
    LeftOut,
    ReliabilityBin,
    Scores,
)
from ray_jobs.contract.export import (
    Export,
    ExportFormat,
    ExportResult,
    Latency,
    Parity,
    VerificationResult,
    Verified,
)
from ray_jobs.contract.recipe import Recipe, Schedule
from ray_jobs.contract.run import ManifestRef, Resources, RunSpec
from ray_jobs.contract.training import Calibration, EpochMetrics, TrainingResult
from ray_jobs.contract.verdict import Check, Decision, Finding, Policy, Verdict
from ray_jobs.storage import Store, write_document
from tasks.dataset.entries import Entry, encode_entries

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
        entries=content(keys.entries(dataset, version, "a" * 64), entries()),
    )


@cache
def entries() -> bytes:
    """The files that are not kept; those that are would be 300 rows more."""
    aside = [
        *(Entry(f"{n}.jpg", "glass", ImageState.DUPLICATE, duplicate_of="0.jpg") for n in "1234"),
        *(Entry(f"{n}.jpg", "glass", ImageState.CONFLICT) for n in "56"),
        Entry("7.jpg", "glass", ImageState.QUARANTINED, reason="is cut off: 12 of 20 bytes"),
    ]
    return encode_entries(aside)


@cache
def jpeg() -> bytes:
    """A picture of 8 x 8 pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "green").save(buffer, "JPEG")
    return buffer.getvalue()


def content(key: str, data: bytes) -> ObjectRef:
    return ObjectRef(key=key, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


def publish(store: Store, document: DatasetManifest) -> None:
    store.put(document.entries.key, entries())
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
        calibration=Calibration(
            temperature=1.5,
            images=45,
            log_loss_before=0.4,
            log_loss=0.3,
            error_before=0.08,
            error=0.03,
        ),
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
    return ExportResult(
        run_id=run_id,
        model="sample",
        model_version=2,
        image_px=32,
        classes=CLASSES,
        temperature=1.5,
        exports=tuple(export(kind, run_id) for kind in ExportFormat),
        seconds=3.0,
    )


def export(kind: ExportFormat, run_id: str = "abc") -> Export:
    prefix = keys.export(run_id, kind, "e" * 64)
    entry = {
        ExportFormat.SAVED_MODEL: "sample/2",
        ExportFormat.ONNX: "model.onnx",
        ExportFormat.LITERT: "model.tflite",
    }[kind]
    held = f"{entry}/saved_model.pb" if kind is ExportFormat.SAVED_MODEL else entry
    return Export(
        format=kind,
        prefix=prefix,
        entry=entry,
        files=(ref(prefix + held), ref(prefix + "labels.json")),
    )


def verification(run_id: str = "abc", falls_short: ExportFormat | None = None):
    return VerificationResult(
        run_id=run_id,
        manifest=spec().manifest,
        images=45,
        agreement_floor=0.995,
        difference_bound=dict.fromkeys(ExportFormat, 0.01),
        clean_process=True,
        formats=tuple(verified(kind, published=kind != falls_short) for kind in ExportFormat),
        seconds=4.0,
    )


def verified(kind: ExportFormat, *, published: bool = True) -> Verified:
    same = 44 if published else 30
    return Verified(
        format=kind,
        parity=Parity(images=45, same=same, ties=1, agreement=same / 44, max_difference=1e-4),
        latency=Latency(requests=100, threads=1, median_ms=12.0, p99_ms=20.0),
        published=published,
        reason=None if published else "agrees on 30 of 44 images",
    )


def estimate(value: float | None, images: int = 45, half: float = 0.1) -> Estimate:
    if value is None:
        return Estimate(value=None, interval=None, images=images)
    return Estimate(value=value, interval=(value - half, value + half), images=images)


def scores(correct: int, images: int = 45, *, run_id: str = "abc", version: int | None = None):
    accuracy = correct / images
    score = ClassScore(
        images=images // 3,
        answered=0,
        correct=correct // 3,
        recall=estimate(accuracy, images // 3),
        precision=estimate(None, 0),
        f1=estimate(accuracy, images // 3),
    )
    return Scores(
        model_version=version,
        run_id=run_id,
        images=images,
        correct=correct,
        accuracy=estimate(accuracy, images),
        top3=estimate(None, images),
        macro_f1=estimate(accuracy, images),
        calibration=calibration(images),
        classes=dict.fromkeys(CLASSES, score),
        confusion=((13, 1, 1), (0, 15, 0), (2, 0, 13)),
    )


def calibration(images: int = 45) -> CalibrationScore:
    sure = ReliabilityBin(low=0.8, high=1.0, images=images, confidence=0.93, accuracy=0.9)
    unsure = ReliabilityBin(low=0.6, high=0.8, images=0, confidence=None, accuracy=None)
    return CalibrationScore(
        temperature=1.5,
        error=estimate(0.03, images, half=0.02),
        error_before=estimate(0.08, images, half=0.02),
        log_loss=estimate(0.3, images),
        log_loss_before=estimate(0.4, images),
        bins=(unsure, sure),
    )


def comparison(candidate: Scores, champion: Scores, both: int | None = None) -> Comparison:
    """Of two models that are right on `both` images together; by default on as many as can be."""
    shared = min(candidate.correct, champion.correct) if both is None else both
    alone = candidate.correct - shared, champion.correct - shared
    apart = sum(alone)
    difference = (alone[0] - alone[1]) / candidate.images
    return Comparison(
        classes=CLASSES,
        images=candidate.images,
        images_of_other_classes=0,
        candidate=candidate,
        champion=champion,
        candidate_only=alone[0],
        champion_only=alone[1],
        p_value=sum(comb(apart, k) for k in range(alone[0], apart + 1)) / 2**apart,
        accuracy_difference=estimate(difference, candidate.images, half=0.01),
        macro_f1_difference=estimate(difference, candidate.images, half=0.01),
        recall_differences={name: estimate(difference, 15, half=0.01) for name in CLASSES},
    )


def evaluation(candidate: Scores, champion: Scores | None = None) -> EvaluationResult:
    run = candidate.run_id
    return EvaluationResult(
        run_id=run,
        manifest=spec().manifest,
        split=Split.TEST,
        test_digest="d" * 64,
        decisions_before=3,
        decisions_on_these_images=2,
        left_out=LeftOut(same=0, near=1),
        candidate=candidate,
        comparison=comparison(candidate, champion) if champion else None,
        checks=(DataCheck(name="images", passed=True, fact="45 test images, at least 10"),),
        predictions=ref(keys.judged(run, "predictions.parquet")),
        exhibits=(exhibit(run, ExhibitKind.MISTAKE), exhibit(run, ExhibitKind.DISAGREEMENT)),
        seconds=2.0,
    )


def exhibit(run_id: str, kind: ExhibitKind) -> Exhibit:
    return Exhibit(
        kind=kind,
        sha256="c" * 64,
        label="glass",
        candidate=Answer(label="metal", probability=0.97),
        champion=Answer(label="glass", probability=0.6),
        picture=content(keys.judged(run_id, f"exhibits/{kind}.jpg"), jpeg()),
        overlay=content(keys.judged(run_id, f"exhibits/{kind}-overlay.jpg"), jpeg()),
    )


def verdict(run_id: str = "abc", decision: Decision = Decision.PROMOTED) -> Verdict:
    return Verdict(
        run_id=run_id,
        decision=decision,
        reasons=("because",),
        champion_before=None,
        policy=Policy(),
        findings=(Finding(check=Check.FLOORS, passed=True, fact="accuracy 0.9, at least 0.5"),),
        evidence=(ref(keys.judged(run_id, "evaluation.json")),),
    )


def registration(run_id: str = "abc") -> Registration:
    return Registration(
        run_id=run_id,
        model="sample",
        model_version=2,
        mlflow_run_id="m" * 32,
        url="http://127.0.0.1:5000/#/models/sample/versions/2",
        run_url="http://127.0.0.1:5000/#/experiments/1/runs/" + "m" * 32,
    )


def write_run(store: Store, run_id: str = "abc") -> None:
    """Every step document of a run, as the steps leave them."""
    for name, document in {
        "spec": spec(run_id),
        "training": training(run_id),
        "registration": registration(run_id),
        "exports": exports(run_id),
        "verification": verification(run_id),
        "verdict": verdict(run_id),
    }.items():
        write_document(store, document, keys.run(run_id, f"{name}.json"))
    judged = evaluation(scores(41, run_id=run_id))
    write_document(store, judged, keys.judged(run_id, "evaluation.json"))
    for kind in ExhibitKind:
        shown = exhibit(run_id, kind)
        store.put(shown.picture.key, jpeg())
        store.put(shown.overlay.key, jpeg())
