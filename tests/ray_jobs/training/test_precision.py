"""Half precision on GPUs: what is computed in it, and what never is."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.recipes import catalog

pytestmark = pytest.mark.tf

RECIPE = catalog.resolve("convnet_small", {"backbone": "convnet-mnist", "image_px": 28})
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 3)).astype(np.float32)


@pytest.fixture
def bfloat16():
    """The policy as a worker with a GPU sets it; CPUs compute it too, only slowly."""
    from ray_jobs.training.strategy import set_precision

    set_precision("mixed_bfloat16", use_gpu=True)
    yield
    set_precision("float32", use_gpu=True)


def test_a_cpu_computes_in_single_precision_whatever_the_recipe_says():
    import keras

    from ray_jobs.training.strategy import set_precision

    set_precision("mixed_bfloat16", use_gpu=False)
    assert keras.mixed_precision.dtype_policy().name == "float32"


@pytest.mark.usefixtures("bfloat16")
def test_features_are_computed_in_half_precision_and_logits_in_single():
    import tensorflow as tf

    from ray_jobs.training.models import classifier

    backbone = classifier.build_backbone(RECIPE.backbone, image_px=RECIPE.image_px)
    head = classifier.build_head(RECIPE.backbone, classifier.features_of(backbone), num_classes=3)
    features = backbone(IMAGES)
    assert features.dtype == tf.bfloat16
    assert {variable.dtype for variable in backbone.weights} == {"float32"}
    assert head(features).dtype == tf.float32
    assert classifier.join(backbone, head)(IMAGES).dtype == tf.float32


@pytest.mark.usefixtures("bfloat16")
def test_a_step_in_half_precision_is_finite_and_moves_every_weight():
    import keras
    import tensorflow as tf

    from ray_jobs.training.answer import as_answer
    from ray_jobs.training.checkpoint import values_of
    from ray_jobs.training.models import classifier
    from ray_jobs.training.step import Rules, make_train_step

    keras.utils.set_random_seed(1)
    net, optimizer = classifier.from_recipe(RECIPE, 3), keras.optimizers.SGD(1.0)
    optimizer.build(net.trainable_variables)
    before = values_of(net.trainable_variables)
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    step = make_train_step(strategy, net, optimizer, Rules(clipnorm=1.0))
    batch = (IMAGES, np.array([0, 1, 2, 0]), np.ones(4, np.float32), np.ones(4, np.float32))
    answer = as_answer(step(tuple(tf.constant(part) for part in batch), tf.constant(0.0)))
    assert answer.is_finite
    assert answer.sums.images == 4
    for was, now in zip(before, values_of(net.trainable_variables), strict=True):
        assert np.isfinite(now).all()
        assert not np.array_equal(was, now)
