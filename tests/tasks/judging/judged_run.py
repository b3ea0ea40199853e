"""A whole run as a report shows it: six kinds with Chinese names, a champion, drawn pictures."""

from __future__ import annotations

import hashlib
import io
import math
from functools import cache
from random import Random

from PIL import Image

from ray_jobs.contract import keys
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.dataset import DatasetManifest, ImageState, SourceRef, Split, StateCounts
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
from ray_jobs.contract.export import ExportFormat
from ray_jobs.contract.training import EpochMetrics
from ray_jobs.contract.verdict import Check, Decision, Finding, Verdict
from ray_jobs.storage import Store, put_content, write_document
from tasks.dataset.entries import Entry, encode_entries
from tasks.sources.drawing.scene import draw
from tests.tasks import documents

RUN = "7abc04f1f4c8"
VERSION = 12
EPOCHS, STEPS_AN_EPOCH = 20, 60
# The kinds that can be drawn, sorted by what this data set calls them.
KINDS = {
    "其他垃圾/陶瓷碎片": "trash",
    "可回收物/易拉罐": "metal",
    "可回收物/玻璃瓶": "glass",
    "可回收物/纸板箱": "cardboard",
    "可回收物/纸张": "paper",
    "可回收物/饮料瓶": "plastic",
}
CLASSES = tuple(KINDS)
IMAGES = 40  # of a class in the test split
EXHIBITS = 24


def write_judged_run(store: Store) -> tuple[ModelCard, DatasetManifest]:
    """Put all that a report reads into the store; its card and manifest."""
    manifest = _manifest(store)
    store.put(keys.steps(RUN), _steps())
    write_document(store, documents.registration(RUN), keys.run(RUN, "registration.json"))
    training = documents.training(RUN).model_copy(
        update={"classes": CLASSES, "epochs": _epochs(), "best_epoch": 17, "seconds": 1234.0}
    )
    exports = documents.exports(RUN).model_copy(update={"classes": CLASSES, "image_px": 224})
    card = ModelCard(
        spec=documents.spec(RUN),
        training=training,
        exports=exports,
        verification=documents.verification(RUN, falls_short=ExportFormat.LITERT),
        evaluation=_evaluation(store, manifest),
        verdict=_verdict(),
        model="sample",
        model_version=VERSION,
    )
    return card, manifest


def _manifest(store: Store) -> DatasetManifest:
    aside = [
        *(_aside(n, ImageState.DUPLICATE, duplicate_of="可回收物/纸张/0001.jpg") for n in range(9)),
        *(_aside(n, ImageState.CONFLICT) for n in range(10, 14)),
        *(_aside(n, ImageState.QUARANTINED, reason="is cut off: 900 bytes") for n in range(20, 23)),
        _aside(30, ImageState.QUARANTINED, reason="looks like images of two splits"),
    ]
    table = encode_entries(aside)
    counts = {Split.TRAIN: 186, Split.VAL: 40, Split.TEST: IMAGES}
    digest = hashlib.sha256(table).hexdigest()
    return documents.manifest().model_copy(
        update={
            "classes": CLASSES,
            "source": SourceRef(uri="s3://photos/2026", format="huawei", class_map={"旧/锅": None}),
            "images": StateCounts(kept=1596, duplicate=9, conflict=4, quarantined=4),
            "checks": {"alpha": 2, "truncated": 3},
            "splits": {split: dict.fromkeys(CLASSES, count) for split, count in counts.items()},
            "entries": put_content(store, keys.entries("sample", "v1", digest), table),
        }
    )


def _aside(
    number: int, state: ImageState, reason: str | None = None, duplicate_of: str | None = None
) -> Entry:
    path = f"可回收物/纸张/photo-of-the-collecting-point-{number:04}.jpg"
    return Entry(path, "可回收物/纸张", state, reason=reason, duplicate_of=duplicate_of)


def _rate(step: int) -> float:
    steps = EPOCHS * STEPS_AN_EPOCH
    return 0.003 * min(step / 120, 0.5 + 0.5 * math.cos(math.pi * step / steps))


def _loss(step: float) -> float:
    return 0.35 + 1.5 * math.exp(-step / 250)


def _steps() -> bytes:
    rng = Random(1)
    lines = ["step,epoch,images,learning_rate,loss,accuracy,images_per_s,seconds,attempt"]
    for step in range(1, EPOCHS * STEPS_AN_EPOCH + 1):
        epoch = (step - 1) // STEPS_AN_EPOCH + 1
        loss = max(0.02, _loss(step) + rng.gauss(0, 0.15))
        accuracy = min(1.0, max(0.0, 1.05 - 0.45 * loss + rng.gauss(0, 0.03)))
        row = (step, epoch, step * 32, _rate(step), loss, accuracy, 120.0, step / 4, 1)
        lines.append(",".join(map(str, row)))
    return "".join(f"{line}\n" for line in lines).encode()


def _epochs() -> tuple[EpochMetrics, ...]:
    return tuple(
        EpochMetrics(
            epoch=epoch,
            step=epoch * STEPS_AN_EPOCH,
            learning_rate=_rate(epoch * STEPS_AN_EPOCH),
            loss=_loss(epoch * STEPS_AN_EPOCH),
            accuracy=1.05 - 0.45 * _loss(epoch * STEPS_AN_EPOCH),
            val_loss=_loss(epoch * STEPS_AN_EPOCH) + 0.09 + 0.004 * abs(epoch - 17),
            val_accuracy=0.98 - 0.45 * _loss(epoch * STEPS_AN_EPOCH) - 0.002 * abs(epoch - 17),
            images_per_s=120.0,
        )
        for epoch in range(1, EPOCHS + 1)
    )


def _scores(run_id: str, version: int | None, wrong: int, classes: tuple[str, ...]) -> Scores:
    """Of each class `wrong` images and one more a class are answered with the class after it."""
    count = len(classes)
    confusion = [[0] * count for _ in classes]
    for row in range(count):
        missed = wrong + row
        confusion[row][row] = IMAGES - missed
        confusion[row][(row + 1) % count] = missed
    correct = sum(confusion[row][row] for row in range(count))
    answered = [sum(column) for column in zip(*confusion, strict=True)]
    accuracy = correct / (IMAGES * count)
    return Scores(
        model_version=version,
        run_id=run_id,
        images=IMAGES * count,
        correct=correct,
        accuracy=_estimate(accuracy, IMAGES * count),
        top3=_estimate(min(0.99, accuracy + 0.1), IMAGES * count),
        macro_f1=_estimate(accuracy - 0.004, IMAGES * count),
        calibration=_calibration(accuracy, IMAGES * count),
        classes={
            name: _class_score(confusion[row][row], answered[row])
            for row, name in enumerate(classes)
        },
        confusion=tuple(map(tuple, confusion)),
    )


def _class_score(correct: int, answered: int) -> ClassScore:
    return ClassScore(
        images=IMAGES,
        answered=answered,
        correct=correct,
        recall=_estimate(correct / IMAGES, IMAGES),
        precision=_estimate(correct / answered, answered),
        f1=_estimate(2 * correct / (IMAGES + answered), IMAGES),
    )


def _estimate(value: float, images: int) -> Estimate:
    half = 1.96 * math.sqrt(value * (1 - value) / images)
    return Estimate(value=value, interval=(value - half, min(1.0, value + half)), images=images)


def _calibration(accuracy: float, images: int) -> CalibrationScore:
    bins = [_bin(number, accuracy, images) for number in range(15)]
    return CalibrationScore(
        temperature=1.37,
        error=Estimate(value=0.031, interval=(0.022, 0.055), images=images),
        error_before=Estimate(value=0.084, interval=(0.07, 0.1), images=images),
        log_loss=Estimate(
            value=1.2 - accuracy, interval=(1.1 - accuracy, 1.35 - accuracy), images=images
        ),
        log_loss_before=Estimate(
            value=1.35 - accuracy, interval=(1.2 - accuracy, 1.5 - accuracy), images=images
        ),
        bins=tuple(bins),
    )


def _bin(number: int, accuracy: float, images: int) -> ReliabilityBin:
    low, high = number / 15, (number + 1) / 15
    share = number**2 / sum(n**2 for n in range(15))
    middle = (low + high) / 2
    return ReliabilityBin(
        low=low,
        high=high,
        images=round(images * share),
        confidence=middle if number > 2 else None,
        accuracy=min(1.0, middle * accuracy * 1.12) if number > 2 else None,
    )


def _evaluation(store: Store, manifest: DatasetManifest) -> EvaluationResult:
    candidate = _scores(RUN, None, 1, CLASSES)
    champion = _scores("13e1ffaa0b2c", 9, 3, CLASSES)
    difference = (candidate.correct - champion.correct) / candidate.images
    return EvaluationResult(
        run_id=RUN,
        manifest=documents.spec().manifest,
        split=Split.TEST,
        test_digest="d" * 64,
        decisions_before=4,
        decisions_on_these_images=1,
        left_out=LeftOut(same=2, near=5),
        candidate=candidate,
        comparison=Comparison(
            classes=CLASSES,
            images=candidate.images,
            images_of_other_classes=0,
            candidate=candidate.model_copy(),
            champion=champion,
            candidate_only=17,
            champion_only=5,
            p_value=0.0085,
            accuracy_difference=Estimate(
                value=difference, interval=(0.013, 0.088), images=candidate.images
            ),
            macro_f1_difference=Estimate(
                value=difference, interval=(0.011, 0.09), images=candidate.images
            ),
            recall_differences=dict.fromkeys(CLASSES, _estimate(0.05, IMAGES)),
        ),
        checks=(
            DataCheck(name="images", passed=True, fact="240 test images, at least 50"),
            DataCheck(name="overlap", passed=True, fact="no test image is in the training data"),
            DataCheck(
                name="balance", passed=False, fact="可回收物/纸张 has 40 images, of 50 wanted"
            ),
        ),
        predictions=documents.ref(keys.judged(RUN, "predictions.parquet")),
        exhibits=tuple(
            _exhibit(store, kind, number) for kind in ExhibitKind for number in range(EXHIBITS)
        ),
        exhibits_of={ExhibitKind.MISTAKE: EXHIBITS, ExhibitKind.DISAGREEMENT: 1300},
        seconds=42.0,
    )


def _exhibit(store: Store, kind: ExhibitKind, number: int) -> Exhibit:
    label = CLASSES[number % len(CLASSES)]
    other = CLASSES[(number + 1) % len(CLASSES)]
    third = CLASSES[(number + 2) % len(CLASSES)]
    is_mistake = kind is ExhibitKind.MISTAKE
    mine = other if is_mistake or number % 3 else label
    theirs = (label, other)[number % 2] if is_mistake else (label if number % 3 == 1 else third)
    picture, overlay = _pictures(KINDS[label], number)
    return Exhibit(
        kind=kind,
        sha256=hashlib.sha256(picture).hexdigest(),
        label=label,
        candidate=Answer(label=mine, probability=0.997 - 0.013 * number),
        champion=Answer(label=theirs, probability=0.82 - 0.01 * number),
        picture=_keep(store, picture),
        overlay=_keep(store, overlay),
    )


def _keep(store: Store, jpeg: bytes) -> ObjectRef:
    name = hashlib.sha256(jpeg).hexdigest()[:16]
    return put_content(store, keys.judged(RUN, f"exhibits/{name}.jpg"), jpeg)


@cache
def _pictures(kind: str, number: int) -> tuple[bytes, bytes]:
    """A drawn picture, and the same under a warm spot."""
    with Image.open(io.BytesIO(draw(kind, number, seed=3))) as opened:
        picture = opened.convert("RGB").resize((224, 224))
    spot = Image.radial_gradient("L").resize((150, 150)).point(lambda v: max(0, 180 - v))
    mask = Image.new("L", picture.size)
    mask.paste(spot, (20 + 7 * (number % 8), 60 - 5 * (number % 7)))
    heated = Image.composite(Image.new("RGB", picture.size, "#e0301e"), picture, mask)
    return _jpeg(picture), _jpeg(heated)


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _verdict() -> Verdict:
    found = {
        Check.DATA: (True, "240 test images, at least 30 of each of 6 classes"),
        Check.EXPORTS: (True, "savedmodel is at parity with the trained model"),
        Check.FLOORS: (True, "accuracy 0.912, at least 0.5; macro F1 0.908, at least 0.4"),
        Check.COMPARISON: (True, "right alone on 17 images, the champion on 5: p = 0.0085"),
        Check.CLASSES: (True, "no class of 30 images or more loses more than 0.1 of recall"),
        Check.CALIBRATION: (True, "calibration error 0.031, at most 0.15"),
        Check.LATENCY: (False, "12.0 ms an image in the median, at most 10"),
    }  # fmt: skip
    return documents.verdict(RUN, Decision.KEPT).model_copy(
        update={
            "champion_before": 9,
            "reasons": ("an image takes 12.0 ms in the median, which is more than 10",),
            "findings": tuple(
                Finding(check=check, passed=passed, fact=fact)
                for check, (passed, fact) in found.items()
            ),
        }
    )
