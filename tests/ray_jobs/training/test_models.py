"""Every backbone takes pixels in 0..255 and answers logits."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from ray_jobs.contract.recipe import Backbone
from tests.ray_jobs.training.conftest import KERAS_COPY

pytestmark = [pytest.mark.tf, KERAS_COPY]


def test_the_names_that_a_recipe_may_give_are_those_that_can_be_built():
    from ray_jobs.training.models import classifier

    assert sorted(classifier.names()) == sorted(get_args(Backbone))


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-b0"])
def test_a_classifier_answers_float32_logits(name: str):
    from ray_jobs.training.models import classifier

    model = classifier.build(name, image_px=32, num_classes=5)
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    logits = model(images, training=False).numpy()
    assert (logits.shape, logits.dtype) == ((2, 5), np.float32)
    assert np.isfinite(logits).all()


def test_weights_come_back_whole(tmp_path):
    from ray_jobs.training.checkpoint import digest_of
    from ray_jobs.training.models import classifier

    path = tmp_path / "m.weights.h5"
    saved = classifier.build("efficientnet-lite0", image_px=32, num_classes=3)
    saved.save_weights(path)
    loaded = classifier.build("efficientnet-lite0", image_px=32, num_classes=3, weights=path)
    assert digest_of(loaded.weights) == digest_of(saved.weights)


@pytest.mark.parametrize("name", ["efficientnet-b0", "efficientnet-lite0"])
def test_moving_statistics_of_a_network_from_scratch_follow_within_a_few_steps(name: str):
    import keras

    from ray_jobs.training.models import classifier

    network = classifier.build_backbone(name, image_px=32)
    norms = [n for n in network.layers if isinstance(n, keras.layers.BatchNormalization)]
    assert len(norms) == 49
    assert {norm.momentum for norm in norms} == {0.9}
