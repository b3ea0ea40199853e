"""A run that has been trained and registered, with a network too small to be good at it."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import Split
from ray_jobs.entry import Job
from ray_jobs.storage import put_content, write_document
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.conftest import jpeg, store_shard
from tests.ray_jobs.training.rosters import entries_of, with_entries
from tests.tasks import documents

RECIPE = documents.RECIPE.model_copy(update={"backbone": "convnet-small", "image_px": 48})


def png(seed: int, width: int, height: int) -> bytes:
    """The pixels of `jpeg`, and no loss."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(jpeg(seed, width, height))).save(stream, "PNG")
    return stream.getvalue()


# Every shape that a record may have: wide, tall, larger and smaller than the input, very thin.
PHOTOS = [
    (jpeg(0), 0),
    (jpeg(1, 90, 20), 1),
    (jpeg(2, 20, 90), 2),
    (png(3, 40, 30), 0),
    (jpeg(4, 500, 375), 1),
    (png(5, 7, 5), 2),
    (png(6, 300, 1), 0),
    (jpeg(7, 33, 32), 1),
    (png(8, 3, 64), 2),
]


def job_of(store: InMemoryStore) -> Job:
    spec = documents.spec().model_copy(update={"recipe": RECIPE})
    return Job(spec=spec, store=store, bucket="memory")


def copy_of(store: InMemoryStore) -> InMemoryStore:
    """The same objects, for a test to spoil."""
    copied = InMemoryStore()
    copied.objects = dict(store.objects)
    return copied


def trained_run(folder: Path) -> InMemoryStore:
    """A data set whose every split is `PHOTOS`, and a run up to its registration."""
    store = InMemoryStore()
    shard = store_shard(store, folder, PHOTOS)
    manifest = documents.manifest().model_copy(update={"shards": dict.fromkeys(Split, (shard,))})
    entries = [e for split in Split for e in entries_of(PHOTOS, split, documents.CLASSES)]
    manifest = with_entries(store, manifest, entries)
    write_document(store, manifest, keys.manifest("sample", "v1"))
    put_training(store, folder, seed=0)
    write_document(store, documents.registration(), keys.run("abc", "registration.json"))
    return store


def put_training(store: InMemoryStore, folder: Path, *, seed: int) -> None:
    """What a training leaves, over what is there: weights that make the model sure of itself."""
    from ray_jobs.training.models import classifier

    model = classifier.from_recipe(RECIPE, len(documents.CLASSES))
    rng = np.random.default_rng(seed)
    # Random weights as Keras starts them give three equal answers: ties, which nothing can fail.
    model.set_weights([_spread(rng, weight) for weight in model.get_weights()])
    path = folder / "m.weights.h5"
    model.save_weights(path)
    data = path.read_bytes()
    name = f"weights/{hashlib.sha256(data).hexdigest()}.weights.h5"
    weights = put_content(store, keys.run("abc", name), data)
    result = documents.training().model_copy(update={"weights": weights})
    store.put(keys.run("abc", "training.json"), result.to_json())


def _spread(rng: np.random.Generator, weight: np.ndarray) -> np.ndarray:
    if weight.ndim == 1:
        return weight
    return rng.normal(0, np.sqrt(2 / np.prod(weight.shape[:-1])), weight.shape).astype(np.float32)
