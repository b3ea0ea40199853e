"""Which variables learn, and what becomes of a batch norm that does not."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.contract.errors import SpecError
from tests.ray_jobs.training.conftest import KERAS_COPY

pytestmark = [pytest.mark.tf, KERAS_COPY]

# Name -> side, blocks, and the first layer that learns with the last two blocks. Blocks: 16 in B0
# (Tan and Le 2019, table 1) and in Lite0; 2 + 3 + 4 + 2 + 3 + 1 in MnasNet-A1 (its separable
# convolution is none); 5 in VGG16; the small networks have a block a convolution.
FAMILIES = {
    "efficientnet-b0": (32, 16, "block6d_expand_conv"),
    "efficientnet-lite0": (32, 16, "block6d_expand_conv"),
    "mnasnet-a1": (32, 15, "block5c_expand_conv"),
    "vgg16": (32, 5, "block4_conv1"),
    "convnet-small": (48, 4, "conv3"),
    "convnet-mnist": (28, 3, "conv2"),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    """Name, whole, head."""
    import keras

    from ray_jobs.training.models import classifier

    keras.utils.clear_session()
    name = request.param
    backbone = classifier.build_backbone(name, image_px=FAMILIES[name][0])
    head = classifier.build_head(name, classifier.features_of(backbone), num_classes=3)
    return name, classifier.join(backbone, head), head


def learning(model) -> list[str]:
    return [variable.path for variable in model.trainable_variables]


def of_layers(layers) -> list[str]:
    """What would learn of these layers if they did: by their own lists, not by the model's."""
    import keras

    def own(layer):
        if isinstance(layer, keras.Model):
            return [variable for inner in layer.layers for variable in own(inner)]
        return layer._trainable_variables

    return [variable.path for layer in layers for variable in own(layer)]


def test_the_head_alone_learns(family):
    from ray_jobs.training.models.unfreeze import set_trainable

    _, whole, head = family
    set_trainable(whole, head, "all", freeze_batchnorm=False)
    set_trainable(whole, head, "head", freeze_batchnorm=False)
    assert learning(whole) == learning(head) == of_layers([head])
    assert learning(head)


def test_everything_learns(family):
    from ray_jobs.training.models.unfreeze import set_trainable

    _, whole, head = family
    set_trainable(whole, head, "head", freeze_batchnorm=True)
    set_trainable(whole, head, "all", freeze_batchnorm=False)
    assert learning(whole) == of_layers(whole.layers)


def test_the_last_blocks_learn_from_their_first_layer_on(family):
    from ray_jobs.training.models.unfreeze import set_trainable

    name, whole, head = family
    first = FAMILIES[name][2]
    place = [layer.name for layer in whole.layers].index(first)
    set_trainable(whole, head, "last-2-blocks", freeze_batchnorm=False)
    assert learning(whole) == of_layers(whole.layers[place:])
    assert learning(whole)[0].startswith(first)
    assert len(learning(whole)) < len(of_layers(whole.layers))
    set_trainable(whole, head, "head", freeze_batchnorm=False)
    set_trainable(whole, head, f"from:{first}", freeze_batchnorm=False)
    assert learning(whole) == of_layers(whole.layers[place:])


def test_there_are_as_many_blocks_as_the_papers_say(family):
    from ray_jobs.training.models.unfreeze import set_trainable

    name, whole, head = family
    blocks = FAMILIES[name][1]
    set_trainable(whole, head, f"last-{blocks}-blocks", freeze_batchnorm=False)
    stem = of_layers(whole.layers[: [x.name for x in whole.layers].index(first_of(whole))])
    assert len(learning(whole)) == len(of_layers(whole.layers)) - len(stem)
    told = (
        rf"trainable is last-{blocks + 1}-blocks; expected at most {blocks} blocks.*"
        rf"trainable=last-{blocks}-blocks"
    )
    with pytest.raises(SpecError, match=told):
        set_trainable(whole, head, f"last-{blocks + 1}-blocks", freeze_batchnorm=False)


def first_of(whole) -> str:
    return next(x.name for x in whole.layers if x.name.startswith(("block1", "conv1")))


def test_batch_norms_of_the_backbone_do_not_learn_where_they_are_frozen(family):
    import keras

    from ray_jobs.training.models.unfreeze import set_trainable

    _, whole, head = family
    norm = keras.layers.BatchNormalization
    set_trainable(whole, head, "all", freeze_batchnorm=True)
    assert learning(whole) == of_layers(x for x in whole.layers if not isinstance(x, norm))


def test_a_layer_that_is_not_there_is_told_with_the_nearest(family):
    from ray_jobs.training.models.unfreeze import set_trainable

    name, whole, head = family
    first = FAMILIES[name][2]
    with pytest.raises(SpecError, match=rf"no layer '{first}x'.*Did you mean '{first}'\?"):
        set_trainable(whole, head, f"from:{first}x", freeze_batchnorm=False)
    with pytest.raises(SpecError, match=rf"no layer 'zzz'.*Known: .*{first}.* Pass --set"):
        set_trainable(whole, head, "from:zzz", freeze_batchnorm=False)


def moved(whole, head, trainable: str, *, freeze_batchnorm: bool) -> dict[str, bool]:
    """Whether the statistics of each batch norm moved in a training step."""
    import keras
    import tensorflow as tf

    from ray_jobs.training.models.unfreeze import set_trainable

    set_trainable(whole, head, trainable, freeze_batchnorm=freeze_batchnorm)
    norms = [x for x in whole.layers if isinstance(x, keras.layers.BatchNormalization)]
    before = [[v.numpy() for v in (x.moving_mean, x.moving_variance)] for x in norms]
    side = whole.input_shape[1]
    images = np.random.default_rng(0).uniform(0, 255, (4, side, side, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(whole(images, training=True) ** 2)
    gradients = tape.gradient(loss, [v.value for v in whole.trainable_variables])
    keras.optimizers.SGD(1e-3).apply(gradients, whole.trainable_variables)
    after = [[v.numpy() for v in (x.moving_mean, x.moving_variance)] for x in norms]
    return {
        norm.name: any((a != b).any() for a, b in zip(old, new, strict=True))
        for norm, old, new in zip(norms, before, after, strict=True)
    }


@pytest.mark.parametrize("name", ["efficientnet-lite0", "mnasnet-a1"])
def test_statistics_move_where_a_batch_norm_learns_and_nowhere_else(name: str):
    from ray_jobs.training.models import classifier

    backbone = classifier.build_backbone(name, image_px=64)
    head = classifier.build_head(name, classifier.features_of(backbone), num_classes=3)
    whole = classifier.join(backbone, head)
    norms = moved(whole, head, "all", freeze_batchnorm=True)
    assert len(norms) > 40
    assert not any(norms.values())
    assert not any(moved(whole, head, "head", freeze_batchnorm=False).values())
    assert all(moved(whole, head, "all", freeze_batchnorm=False).values())
    last = moved(whole, head, "last-1-blocks", freeze_batchnorm=False)
    block = "block7a_" if name == "efficientnet-lite0" else "block6a_"
    assert {n for n, has_moved in last.items() if has_moved} == {
        n for n in norms if n.startswith((block, "top_"))
    }
