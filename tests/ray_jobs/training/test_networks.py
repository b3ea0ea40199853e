"""Every network against the literature: parameters, shapes, and a gradient step."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.contract.errors import SpecError
from tests.ray_jobs.training.conftest import KERAS_COPY

pytestmark = [pytest.mark.tf, KERAS_COPY]


def mnasnet_a1() -> int:
    """Weights of the variant with 1000 classes, added up from the table of its blocks.

    A convolution has kernel * in * out weights and no bias, each batch norm four a channel.
    """
    blocks = (
        *((6, 3, 24, 2, False), (3, 5, 40, 3, True), (6, 3, 80, 4, False)),
        *((6, 3, 112, 2, True), (6, 5, 160, 3, True), (6, 3, 320, 1, False)),
    )
    count = 9 * 3 * 32 + 4 * 32  # stem
    count += 9 * 32 + 4 * 32 + 32 * 16 + 4 * 16  # separable
    channels = 16
    for expansion, kernel, filters, repeats, squeezed in blocks:
        for _ in range(repeats):
            inner = channels * expansion
            count += channels * inner + 4 * inner
            count += kernel * kernel * inner + 4 * inner
            if squeezed:
                half = inner // 2
                count += inner * half + half + half * inner + inner
            count += inner * filters + 4 * filters
            channels = filters
    return count + 320 * 1280 + 4 * 1280 + 1280 * 1000 + 1000


# Name -> side, classes, parameters, and where the number stands.
LITERATURE = {
    # keras.io/api/applications, summaries with 1000 classes (Normalization counts 7).
    "efficientnet-b0": (64, 1000, 5_330_571),
    "efficientnet-b1": (64, 1000, 7_856_239),
    "efficientnet-b2": (64, 1000, 9_177_569),
    "efficientnet-b3": (64, 1000, 12_320_535),
    "efficientnet-b4": (64, 1000, 19_466_823),
    "efficientnet-b5": (64, 1000, 30_562_527),
    "efficientnet-b6": (64, 1000, 43_265_143),
    "efficientnet-b7": (64, 1000, 66_658_687),
    # tensorflow/tpu, efficientnet/lite: 4.7M, 4,652,008 trained; then statistics, as in B0.
    "efficientnet-lite0": (64, 1000, 4_652_008 + 42_016 + 7),
    "mnasnet-a1": (64, 1000, mnasnet_a1()),
    # Simonyan and Zisserman 2015, table 2: 138M; keras.io summary.
    "vgg16-classic": (224, 1000, 138_357_544),
    # keras.io summary without top, and 512 * 1024 + 1024 + 1024 * 1000 + 1000.
    "vgg16": (64, 1000, 14_714_688 + 525_312 + 1_025_000),
    # Chollet 2017, listing 5.6: 3,453,121 with one logit, so 512 + 1 a class.
    "convnet-small": (150, 6, 3_453_121 + 5 * 513),
    # Chollet 2017, listing 5.3.
    "convnet-mnist": (28, 10, 93_322),
}


@pytest.fixture(scope="module", params=LITERATURE)
def network(request):
    """Name and classifier of the table; built once, B7 alone takes seconds."""
    import keras

    from ray_jobs.training.models import classifier

    keras.utils.set_random_seed(1)
    image_px, classes, _ = LITERATURE[request.param]
    model = classifier.build(request.param, image_px=image_px, num_classes=classes)
    yield request.param, model
    del model
    keras.utils.clear_session(free_memory=True)


def test_every_network_is_in_the_table():
    from ray_jobs.training.models import classifier

    assert sorted(LITERATURE) == sorted(classifier.names())


def test_parameters_are_those_of_the_literature(network):
    name, model = network
    image_px, classes, parameters = LITERATURE[name]
    assert model.input_shape == (None, image_px, image_px, 3)
    assert model.output_shape == (None, classes)
    assert model.count_params() == parameters


def test_one_step_along_the_gradient_lowers_the_loss(network):
    import keras
    import tensorflow as tf

    from ray_jobs.training.checkpoint import assign, values_of
    from ray_jobs.training.masks import states_of
    from ray_jobs.training.models import classifier

    name, model = network
    if name == "vgg16-classic":  # its 138 million are counted; a small input has fewer
        model = classifier.build(name, image_px=64, num_classes=3)
    rng = np.random.default_rng(0)
    images = tf.constant(rng.uniform(0, 255, (2, *model.input_shape[1:])), "float32")
    labels = tf.constant([0, 1])
    masks = states_of(model)
    start = values_of(masks)

    def loss():
        assign(masks, start)  # of dropout and drop-connect: the same both times
        logits = model(images, training=True)
        assert logits.dtype == tf.float32
        return tf.reduce_mean(
            keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        )

    with tf.GradientTape() as tape:
        before = loss()
    gradients = tape.gradient(before, [v.value for v in model.trainable_variables])
    assert all(gradient is not None for gradient in gradients)
    norm = tf.linalg.global_norm(gradients)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        variable.assign_sub(1e-3 * gradient / norm)
    assert float(loss()) < float(before)


@pytest.mark.parametrize(
    ("name", "native_px"),
    [
        *((f"efficientnet-b{n}", px) for n, px in enumerate((224, 240, 260, 300))),
        *((f"efficientnet-b{n}", px) for n, px in enumerate((380, 456, 528, 600), start=4)),
        *((name, 224) for name in ("efficientnet-lite0", "mnasnet-a1", "vgg16", "vgg16-classic")),
        *(("convnet-small", 150), ("convnet-mnist", 28)),
    ],
)
def test_native_sizes_are_those_of_the_papers(name: str, native_px: int):
    from ray_jobs.training.models import classifier

    assert classifier.NETWORKS[name].native_px == native_px


# Side and channels of each stage at 224 px: the paper's figure 7.
MNASNET_STAGES = {
    "stem_relu": (112, 32),
    "separable_project_bn": (112, 16),
    "block1b_add": (56, 24),
    "block2c_add": (28, 40),
    "block3d_add": (14, 80),
    "block4b_add": (14, 112),
    "block5c_add": (7, 160),
    "block6a_project_bn": (7, 320),
    "top_relu": (7, 1280),
}


@pytest.fixture(scope="module")
def mnasnet():
    from ray_jobs.training.models import classifier

    return classifier.build_backbone("mnasnet-a1", image_px=224)


def test_the_stages_of_mnasnet_are_those_of_the_figure(mnasnet):
    stages = {name: mnasnet.get_layer(name).output.shape for name in MNASNET_STAGES}
    assert stages == {name: (None, px, px, wide) for name, (px, wide) in MNASNET_STAGES.items()}
    assert before(mnasnet.get_layer("pool")) == ["top_relu"]


def test_each_block_of_mnasnet_that_keeps_its_shape_adds_what_it_was_given(mnasnet):
    # All but the first of each stage of 2, 3, 4, 2, 3 and 1; what is added is linear.
    repeats = {"1": "b", "2": "bc", "3": "bcd", "4": "b", "5": "bc"}
    expected = {f"block{stage}{one}" for stage, ones in repeats.items() for one in ones}
    adds = [one.name.removesuffix("_add") for one in mnasnet.layers if one.name.endswith("_add")]
    assert set(adds) == expected
    for name in adds:
        given = before(mnasnet.get_layer(f"{name}_expand_conv"))
        assert before(mnasnet.get_layer(f"{name}_add")) == [*given, f"{name}_project_bn"]


def test_mnasnet_squeezes_what_its_depthwise_convolution_has_made(mnasnet):
    squeezed = [f"block{stage}{one}" for stage, *ones in ("2abc", "4ab", "5abc") for one in ones]
    scales = [one.name for one in mnasnet.layers if one.name.endswith("_scale")]
    assert scales == [f"{name}_scale" for name in squeezed]
    for name in squeezed:
        made = f"{name}_depthwise_relu"
        assert before(mnasnet.get_layer(f"{name}_squeeze")) == [made]
        assert before(mnasnet.get_layer(f"{name}_scale")) == [made, f"{name}_excite"]
        assert before(mnasnet.get_layer(f"{name}_project_conv")) == [f"{name}_scale"]


def test_mnasnet_knows_no_activation_but_relu_and_the_sigmoid_of_a_scale(mnasnet):
    import keras

    linear, relu, sigmoid = (
        getattr(keras.activations, name) for name in ("linear", "relu", "sigmoid")
    )
    for layer in mnasnet.layers:
        if isinstance(layer, keras.layers.ReLU):
            assert (layer.max_value, layer.negative_slope, layer.threshold) == (None, 0, 0)
        wanted = {"reduce": relu, "excite": sigmoid}.get(layer.name.rpartition("_")[2], linear)
        assert getattr(layer, "activation", linear) is wanted
    # A stem, a separable convolution, 15 blocks of two, and the top.
    relus = [one for one in mnasnet.layers if isinstance(one, keras.layers.ReLU)]
    assert len(relus) == 1 + 1 + 2 * 15 + 1


def before(layer) -> list[str]:
    """The names of the layers whose outputs a layer is given."""
    import keras

    return [given._keras_history.operation.name for given in keras.tree.flatten(layer.input)]


@pytest.mark.parametrize("name", ["convnet-mnist", "vgg16", "mnasnet-a1", "efficientnet-b0"])
def test_pixels_are_normalised_inside(name: str):
    """Pictures in 0..255 give answers of the order of one, and the same in other batches."""
    from ray_jobs.training.models import classifier

    model = classifier.build(name, image_px=64, num_classes=3)
    images = np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 3)).astype(np.float32)
    whole = model(images, training=False).numpy()
    assert np.abs(whole).max() < 20
    np.testing.assert_allclose(model(images[:1], training=False).numpy(), whole[:1], atol=1e-4)


def test_the_grey_network_sees_no_colour():
    from ray_jobs.training.models import classifier

    model = classifier.build("convnet-mnist", image_px=28, num_classes=3)
    grey = np.random.default_rng(0).uniform(0, 255, (1, 28, 28, 1)).repeat(3, axis=3)
    tinted = grey + np.array([29.9, 0.0, -29.9 * 0.299 / 0.114])  # of the same brightness
    np.testing.assert_allclose(
        model(tinted.astype("float32")).numpy(), model(grey.astype("float32")).numpy(), atol=1e-3
    )


def test_an_input_that_is_too_small_is_told_with_the_size_that_fits():
    from ray_jobs.training.models import classifier

    with pytest.raises(SpecError, match=r"image_px is 32; expected at least 48 .*native 150"):
        classifier.build("convnet-small", image_px=32, num_classes=3)


def test_a_network_that_is_not_known_is_told_with_the_nearest():
    from ray_jobs.training.models import classifier

    with pytest.raises(SpecError, match=r"no network 'mnasnet'.*mnasnet-a1"):
        classifier.build("mnasnet", image_px=64, num_classes=3)
