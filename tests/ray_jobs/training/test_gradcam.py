"""Grad-CAM, against maps worked out by hand, and on the networks that are trained."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.recipes import catalog

pytestmark = pytest.mark.tf


def looking_at_colours():
    """Class 0 is how red the picture is, class 1 how green: each is the mean of one map."""
    import keras

    layers = keras.layers
    inputs = keras.Input((4, 4, 3))
    maps = layers.Conv2D(2, 1, use_bias=False, name="maps")(inputs)
    logits = layers.Dense(2, use_bias=False, name="logits")(layers.GlobalAveragePooling2D()(maps))
    model = keras.Model(inputs, logits)
    model.get_layer("maps").set_weights([np.eye(3, 2)[None, None]])
    model.get_layer("logits").set_weights([np.eye(2)])
    return model


def test_the_heat_is_where_the_answers_own_map_is():
    from ray_jobs.training.evaluation.gradcam import heat_maps

    picture = np.zeros((4, 4, 3), np.float32)
    picture[0, 1, 0], picture[3, 3, 0], picture[2, 2, 1] = 200, 50, 80
    red, green = heat_maps(looking_at_colours(), np.stack([picture] * 2), np.array([0, 1]))
    expected = np.zeros((4, 4))
    expected[0, 1], expected[3, 3] = 1, 0.25
    np.testing.assert_allclose(red, expected, atol=1e-6)
    assert np.argwhere(green).tolist() == [[2, 2]]
    assert green.max() == 1


def test_what_speaks_against_the_answer_is_cold():
    from ray_jobs.training.evaluation.gradcam import heat_maps

    model = looking_at_colours()
    model.get_layer("logits").set_weights([np.array([[1, 0], [-1, 1]])])
    picture = np.zeros((4, 4, 3), np.float32)
    picture[0, 0, 0], picture[1, 1, 1] = 100, 100
    (heat,) = heat_maps(model, picture[None], np.array([0]))
    assert np.argwhere(heat).tolist() == [[0, 0]]


def test_where_nothing_speaks_for_the_answer_all_is_cold():
    from ray_jobs.training.evaluation.gradcam import heat_maps

    (heat,) = heat_maps(looking_at_colours(), np.zeros((1, 4, 4, 3), np.float32), np.array([0]))
    np.testing.assert_array_equal(heat, np.zeros((4, 4)))


@pytest.mark.parametrize(
    "backbone", ["efficientnet-lite0", "mnasnet-a1", "vgg16", "convnet-small", "convnet-mnist"]
)
def test_every_family_has_heat_that_differs_by_answer(backbone: str):
    import keras

    from ray_jobs.training.evaluation.gradcam import heat_maps
    from ray_jobs.training.models import classifier

    keras.utils.set_random_seed(3)
    recipe = catalog.resolve("b0_scratch", {"image_px": 64})
    model = classifier.from_recipe(recipe.model_copy(update={"backbone": backbone}), 3)
    model.trainable = False
    picture = np.random.default_rng(1).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    maps = [heat_maps(model, picture, np.array([answer]))[0] for answer in range(3)]
    for heat in maps:
        assert heat.ndim == 2
        assert heat.min() >= 0
        assert heat.max() <= 1
    assert not np.allclose(maps[0], maps[1])
    assert any(heat.max() == 1 for heat in maps)


def planted(chance: np.random.Generator, count: int):
    """Grey noise with a patch, white for class 0 and black for class 1, and the quarter it lies in.

    Class 2 has none: what it takes to tell the others is the patch, and not the want of another.
    """
    images = chance.uniform(90, 110, (count, 48, 48, 3)).astype(np.float32)
    labels, quarters = chance.integers(0, 3, count), chance.integers(0, 2, (count, 2))
    for image, label, (down, right) in zip(images, labels, quarters, strict=True):
        top, left = 24 * down + 8, 24 * right + 8
        if label < 2:
            image[top : top + 10, left : left + 10] = [255, 0][label]
    return images, labels, quarters


def test_a_network_that_has_learnt_a_patch_looks_at_it():
    import keras

    from ray_jobs.training.evaluation.gradcam import heat_maps
    from ray_jobs.training.models import classifier

    keras.utils.set_random_seed(2)
    recipe = catalog.resolve("b0_scratch", {"image_px": 48})
    model = classifier.from_recipe(recipe.model_copy(update={"backbone": "convnet-mnist"}), 3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    chance = np.random.default_rng(0)
    images, labels, _ = planted(chance, 256)
    model.fit(images, labels, epochs=5, batch_size=32, verbose=0)
    images, labels, quarters = planted(chance, 60)
    assert model.evaluate(images, labels, verbose=0)[1] == 1.0
    has_patch = labels < 2
    heat = heat_maps(model, images[has_patch], labels[has_patch])
    half = heat.shape[1] / 2
    hottest = [np.unravel_index(np.argmax(one), one.shape) for one in heat]
    found = [[int(place > half - 0.5) for place in places] for places in hottest]
    # By chance it would be one in four.
    assert np.mean(np.all(np.array(found) == quarters[has_patch], axis=1)) > 0.9
