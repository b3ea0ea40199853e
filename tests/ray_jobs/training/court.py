"""A store with a data set and models on trial: each says of an image which colour it has most of.

The classes are glass (red), metal (green) and paper (blue): what a model answers to an image can be
told from its colour alone.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.dataset import LatestVersion, Split
from ray_jobs.contract.document import ObjectRef, canonical_json
from ray_jobs.contract.evaluation import EvaluationResult
from ray_jobs.contract.export import Export, ExportFormat
from ray_jobs.entry import Job
from ray_jobs.storage import put_content, read_document
from tasks.judging import champion
from tests.dataset_version import Pictures, in_store
from tests.fakes import InMemoryStore
from tests.tasks import documents
from tests.tasks.clock import NOON

PX = 32
CLASSES = documents.CLASSES
COLOURS = {"red": 0, "green": 1, "blue": 2}
CHANNEL_OF = {"glass": 0, "metal": 1, "paper": 2}


class Here:
    """A crew in this process."""

    def __init__(self, store: InMemoryStore) -> None:
        self.store = store

    def each(self, work, orders):
        return [work(self.store, order) for order in orders]


def photo(colour: str, number: int, strength: int = 200) -> bytes:
    """An image with so much more of one colour than of the others, and noise of its own."""
    pixels = np.random.default_rng(number).integers(0, 20, (PX, PX, 3))
    pixels[..., COLOURS[colour]] += strength
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def photos(labels: Mapping[str, str], *, start: int, strength: int = 200) -> Pictures:
    """An image of each pair "colour": label, by its index; a key may end with a digit."""
    return [
        (photo(colour.rstrip("0123456789"), start + n, strength), CLASSES.index(label))
        for n, (colour, label) in enumerate(labels.items())
    ]


def evenly(count: int, *, start: int) -> Pictures:
    """So many images of each class, each in the colour of its class."""
    pairs = [("red", 0), ("green", 1), ("blue", 2)] * count
    return [(photo(colour, start + n), label) for n, (colour, label) in enumerate(pairs)]


def version(
    store: InMemoryStore,
    pictures: Mapping[Split, Pictures],
    name: str = "v1",
    test_shards: int = 1,
) -> None:
    """Publish a version of the data set; it is the newest then."""
    found = in_store(store, name, pictures, CLASSES, shards=1, test_shards=test_shards)
    manifest = found.model_copy(update={"dataset": "sample", "version": name})
    store.put(keys.manifest("sample", name), manifest.to_json())
    latest = LatestVersion(dataset="sample", version=name)
    store.put(keys.latest("sample"), latest.to_json())


def model(classes: Sequence[str], gain: float = 4.0):
    """A module that serves: softmax of `gain` times the share of each class's colour."""
    import tensorflow as tf

    channels = tf.one_hot([CHANNEL_OF.get(name, 3) for name in classes], 3, axis=0)
    module: Any = tf.Module()

    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        colours = tf.reduce_mean(images, axis=[1, 2]) / 255
        return {"probabilities": tf.nn.softmax(gain * colours @ channels)}

    signature = [tf.TensorSpec([None, PX, PX, 3], tf.float32, name="images")]
    module.serve = tf.function(serve, input_signature=signature)
    return module


def ship(
    store: InMemoryStore,
    folder: Path,
    run_id: str,
    *,
    classes: Sequence[str] = CLASSES,
    gain: float = 4.0,
    temperature: float = 1.0,
    learnt_from: str = "v1",
) -> None:
    """What the steps before an evaluation leave of a run: its order, and its model as shipped."""
    import tensorflow as tf

    root = folder / run_id
    served = model(classes, gain)
    signatures: Any = {"serving_default": served.serve}
    tf.saved_model.save(served, str(root / "sample" / "2"), signatures=signatures)
    labels = {"schema_version": 1, "classes": list(classes), "image_px": PX}
    (root / "labels.json").write_bytes(canonical_json(labels))
    prefix = keys.export(run_id, ExportFormat.SAVED_MODEL, "e" * 64)
    exports = documents.exports(run_id).model_copy(
        update={
            "classes": tuple(classes),
            "temperature": temperature,
            "exports": (_uploaded(store, root, prefix),),
        }
    )
    store.put(keys.run(run_id, "exports.json"), exports.to_json())
    store.put(keys.run(run_id, "spec.json"), spec(run_id, learnt_from).to_json())


def _uploaded(store: InMemoryStore, root: Path, prefix: str) -> Export:
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    files = [put_content(store, prefix + str(p.relative_to(root)), p.read_bytes()) for p in paths]
    return Export(
        format=ExportFormat.SAVED_MODEL, prefix=prefix, entry="sample/2", files=tuple(files)
    )


def spec(run_id: str, learnt_from: str = "v1"):
    found = documents.spec(run_id)
    recipe = found.recipe.model_copy(update={"backbone": "convnet-mnist", "image_px": PX})
    key = keys.manifest("sample", learnt_from)
    manifest = found.manifest.model_copy(update={"version": learnt_from, "key": key})
    return found.model_copy(update={"recipe": recipe, "manifest": manifest})


def train(store: InMemoryStore, folder: Path, run_id: str) -> None:
    """The network that the heat is of: it knows nothing, and has the right shape."""
    import keras

    from ray_jobs.training.models import classifier

    keras.utils.set_random_seed(1)
    network = classifier.from_recipe(spec(run_id).recipe, len(CLASSES))
    network.save_weights(folder / "network.weights.h5")
    data = (folder / "network.weights.h5").read_bytes()
    name = f"weights/{hashlib.sha256(data).hexdigest()}.weights.h5"
    weights: ObjectRef = put_content(store, keys.run(run_id, name), data)
    result = documents.training(run_id).model_copy(update={"weights": weights})
    store.put(keys.run(run_id, "training.json"), result.to_json())


def crown(store: InMemoryStore, run_id: str, model_version: int = 7) -> None:
    """Make the model of a run champion."""
    move = champion.move(model_version, run_id, by="x", at=NOON)
    pointer = ChampionPointer(
        model="sample", model_version=model_version, run_id=run_id, history=(move,)
    )
    store.put(keys.champion("sample"), pointer.to_json())


def evaluated(store: InMemoryStore, run_id: str = "abc") -> EvaluationResult:
    """What an evaluation writes."""
    from ray_jobs import evaluate_job

    evaluate_job.run(Job(spec=spec(run_id), store=store, bucket="memory"), Here(store))
    return read_document(store, EvaluationResult, keys.judged(run_id, "evaluation.json"))
