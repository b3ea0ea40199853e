"""What models answer to the test images, as shipped; a part of the shards at a time.

No TensorFlow here: who asks for answers does not need it, who gives them imports it then.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.dataset import DatasetManifest, ShardRef, Split
from ray_jobs.contract.export import ExportResult
from ray_jobs.storage import Store
from ray_jobs.training.data.photos import Photos, fetch_photos
from ray_jobs.training.evaluation.crew import Crew
from ray_jobs.training.evaluation.parts import parts_of

if TYPE_CHECKING:
    from ray_jobs.training.export.shipped import Shipped

Floats = NDArray[np.float32]

_BATCH = 32


class Question(NamedTuple):
    """Some test shards of a version, and the exports that are asked about them."""

    manifest: DatasetManifest
    shards: tuple[ShardRef, ...]
    exports: tuple[ExportResult, ...]


class Replies(NamedTuple):
    """`samples` are the sha256 of N images; `probabilities` float32 [N, classes], one a model."""

    samples: list[str]
    probabilities: list[Floats]


def ask(crew: Crew, manifest: DatasetManifest, exports: Sequence[ExportResult]) -> Replies:
    """Ask every model about every test image once; sorted by sha256, however it was parted.

    Raises:
      DataError: the version has no test images.
    """
    questions = [Question(manifest, part, tuple(exports)) for part in parts_of(manifest)]
    return _joined(crew.each(reply, questions))


def reply(store: Store, question: Question) -> Replies:
    """Answer a part: the images of its shards that count, in the order of the shards."""
    from ray_jobs.training.data.records import samples_of
    from ray_jobs.training.export import shipped

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        photos = fetch_photos(store, question.manifest, Split.TEST, question.shards, folder)
        samples, _ = samples_of(photos)
        given = list[Floats]()
        for number, exports in enumerate(question.exports):
            model = shipped.load(shipped.download(store, exports, folder / f"model-{number}"))
            given.append(_given(model, photos))
    return Replies(samples, given)


def _given(model: Shipped, photos: Photos) -> Floats:
    """The probabilities of one model, float32 [N, classes].

    A batch never crosses shards: the last bit of an answer may depend on the images beside it, and
    who was given which shards must not.
    """
    from ray_jobs.training.data.pipeline import image_examples

    given = [np.zeros((0, len(model.labels.classes)), np.float32)]
    for file in photos.files:
        examples = image_examples(Photos([file], photos.roster), model.labels.image_px)
        batches = examples.batch(_BATCH).prefetch(1)
        given += [model.probabilities(images) for images, _, _ in batches]
    return np.concatenate(given)


def _joined(parts: Sequence[Replies]) -> Replies:
    samples = [sample for part in parts for sample in part.samples]
    order = sorted(range(len(samples)), key=lambda row: samples[row])
    models = zip(*(part.probabilities for part in parts), strict=True)
    return Replies([samples[row] for row in order], [np.concatenate(m)[order] for m in models])
