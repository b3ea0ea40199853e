"""What trains in a phase, and on what: a network on images, or a head on features."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras.src.utils import naming
from numpy.typing import NDArray

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.recipe import NO_AUGMENT
from ray_jobs.contract.run import Progress
from ray_jobs.training.data import pipeline
from ray_jobs.training.data.part import Part, part_of
from ray_jobs.training.data.share import Share
from ray_jobs.training.models import classifier
from ray_jobs.training.models.pretrained import provide, start_backbone, start_head
from ray_jobs.training.models.unfreeze import set_trainable
from ray_jobs.training.phases import Phase, epochs_of
from ray_jobs.training.worker import Worker

log = logging.getLogger(__name__)

_FEATURE_BATCH = 32


@dataclass(frozen=True)
class Subject:
    """What trains in a phase, and on what.

    `net` is stepped, `kept` is what of it learns and is kept, `head` its head, `whole` what is
    saved in the end: on features, the first three are the head. `samples` are the sha256 of the
    training images, by their row, `val_samples` those of the validation's.
    """

    net: keras.Model
    kept: keras.Model
    head: keras.Model
    whole: keras.Model
    share: Share
    examples: pipeline.Examples
    val_share: Share
    val: tf.data.Dataset
    samples: list[str]
    val_samples: list[str]


class Data(NamedTuple):
    """What a worker has of the data, in every phase."""

    train: Part
    val: Part


def data_of(worker: Worker) -> Data:
    """Bring a worker's parts to its disk, and count them. Raises DataError."""
    splits = (Split.TRAIN, Split.VAL)
    return Data(*(part_of(worker.share(split), worker.photos(split)) for split in splits))


def prepare(worker: Worker, strategy: tf.distribute.Strategy, phase: Phase, data: Data) -> Subject:
    """Build the networks and the streams of this worker's data for a phase.

    Features are computed once where the backbone is frozen and nothing is augmented. What Keras
    draws for a network follows from the run's seed alone, not from what was built before it, and so
    do the names of its layers: every phase, and a training that was taken up again in any of them,
    begins with the same one, and its file of weights is the same to the byte.
    """
    provide(worker.store, worker.spec.recipe)  # builds a network, where it must convert weights
    keras.utils.set_random_seed(worker.spec.seed)
    naming.reset_uids()
    on_features = phase.trainable == "head" and phase.augment == NO_AUGMENT
    make = _on_features if on_features else _on_images
    return make(worker, strategy, phase, data)


def _on_images(
    worker: Worker, strategy: tf.distribute.Strategy, phase: Phase, data: Data
) -> Subject:
    train, val = data
    recipe, seed = worker.spec.recipe, worker.spec.seed
    with strategy.scope():
        backbone = _backbone(worker)
        head = _head(worker, backbone)
        whole = classifier.join(backbone, head)
    set_trainable(whole, head, phase.trainable, freeze_batchnorm=recipe.freeze_batchnorm)
    return Subject(
        net=whole,
        kept=head if phase.trainable == "head" else whole,
        head=head,
        whole=whole,
        share=train.share,
        examples=pipeline.shuffled_image_examples(
            train.photos,
            recipe.image_px,
            phase.augment,
            seed=seed,
            balance=train.labels if recipe.balanced else None,
        ),
        val_share=val.share,
        val=pipeline.image_examples(val.photos, recipe.image_px),
        samples=train.samples,
        val_samples=val.samples,
    )


def _on_features(
    worker: Worker, strategy: tf.distribute.Strategy, phase: Phase, data: Data
) -> Subject:
    train, val = data
    # A frozen backbone is the same on every worker already: no need to mirror it.
    backbone = _backbone(worker)
    px = worker.spec.recipe.image_px
    images = [pipeline.image_examples(part.photos, px) for part in (train, val)]
    features, labels = _featurise(worker, backbone, images[0].concatenate(images[1]))
    cut = train.share.records
    with strategy.scope():
        head = _head(worker, backbone)
    return Subject(
        net=head,
        kept=head,
        head=head,
        whole=classifier.join(backbone, head),
        share=train.share,
        examples=pipeline.shuffled_feature_examples(
            features[:cut],
            labels[:cut],
            seed=worker.spec.seed,
            balanced=worker.spec.recipe.balanced,
        ),
        val_share=val.share,
        val=pipeline.feature_examples(features[cut:], labels[cut:]),
        samples=train.samples,
        val_samples=val.samples,
    )


def _backbone(worker: Worker) -> keras.Model:
    return start_backbone(worker.store, worker.spec.recipe, worker.folder)


def _head(worker: Worker, backbone: keras.Model) -> keras.Model:
    spec, classes = worker.spec, len(worker.manifest.classes)
    return start_head(worker.store, spec.recipe, backbone, classes, spec.seed, worker.folder)


def _featurise(
    worker: Worker, backbone: keras.Model, examples: tf.data.Dataset
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The features of every image: float32 [N, features], and labels int64 [N]."""
    px = worker.spec.recipe.image_px
    total = worker.share(Split.TRAIN).records + worker.share(Split.VAL).records
    features = np.empty((total, classifier.features_of(backbone)), np.float32)
    labels = np.empty(total, np.int64)

    signature = [tf.TensorSpec([None, px, px, 3], tf.float32)]
    see = tf.function(lambda x: backbone(x, training=False), input_signature=signature)
    done, started = 0, time.monotonic()
    for images, own, _ in examples.batch(_FEATURE_BATCH).prefetch(1):
        rows = slice(done, done + len(own))
        features[rows], labels[rows] = see(images).numpy(), own.numpy()
        done = rows.stop
        worker.show(_features_progress(worker, done, total, time.monotonic() - started))
    log.info("features of %d images in %.1f s", done, time.monotonic() - started)
    return features, labels


def _features_progress(worker: Worker, done: int, total: int, seconds: float) -> Progress:
    rate = done / max(seconds, 1e-9)
    return Progress(
        run_id=worker.spec.run_id,
        phase="features",
        epoch=0,
        epochs=epochs_of(worker.spec.recipe),
        step=done * worker.world,
        steps=total * worker.world,
        loss=None,
        accuracy=None,
        learning_rate=None,
        images_per_s=rate * worker.world,
        seconds_left=(total - done) / rate,
    )
