"""What a training is given, as its recipe says."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest

from ray_jobs.recipes import catalog
from ray_jobs.training.data.share import Share
from ray_jobs.training.phases import phases_of
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.conftest import KERAS_COPY, jpeg, write_shard
from tests.ray_jobs.training.rosters import roster_of

pytestmark = pytest.mark.tf

# Nine images, seven of them of the first class.
IMAGES = [(jpeg(n), max(0, n - 6)) for n in range(9)]


def worker(folder, recipe):
    from ray_jobs.training.data.photos import Photos

    file, ref = write_shard(folder, IMAGES)
    photos = Photos([file], roster_of(IMAGES, [file]))
    return SimpleNamespace(
        spec=SimpleNamespace(recipe=recipe, seed=1, run_id="r"),
        manifest=SimpleNamespace(classes=["a", "b", "c"]),
        world=1,
        share=lambda split: Share((ref,), records=9, batch=3, steps=3),
        photos=lambda split: photos,
        show=lambda progress: None,
        store=InMemoryStore(),
        folder=folder,
    )


@pytest.mark.parametrize("trainable", ["head", "all"])
@pytest.mark.parametrize(("balanced", "seen"), [(False, [7, 1, 1]), (True, [3, 3, 3])])
def test_a_balanced_recipe_is_shown_the_classes_equally_often(tmp_path, trainable, balanced, seen):
    import tensorflow as tf

    from ray_jobs.training.subject import data_of, prepare

    recipe = catalog.resolve("b0_scratch", {"image_px": 48}).model_copy(
        update={"backbone": "convnet-small", "trainable": trainable, "balanced": balanced}
    )
    (phase,) = phases_of(recipe)
    own = worker(tmp_path, recipe)
    subject = prepare(own, tf.distribute.get_strategy(), phase, data_of(own))
    labels = Counter(int(label) for _, label, *_ in subject.examples(0, 0).take(9))
    assert [labels[n] for n in range(3)] == seen


def prepared(own, phase):
    import tensorflow as tf

    from ray_jobs.training.subject import data_of, prepare

    return prepare(own, tf.distribute.get_strategy(), phase, data_of(own))


@KERAS_COPY
def test_a_network_is_the_same_whatever_was_built_before_it(tmp_path):
    from ray_jobs.training.checkpoint import digest_of

    recipe = catalog.resolve("lite0_finetune", {"image_px": 32})
    own, (head, main) = worker(tmp_path, recipe), phases_of(recipe)
    # The first run of a store converts the weights. One that was killed after its head builds no
    # head phase. `variables` have the seeds of drop-connect.
    prepared(own, head)
    first = prepared(own, main).net
    again = prepared(own, main).net
    assert [v for v in again.variables if v.name == "seed_generator_state"][1:]
    assert digest_of(again.variables) == digest_of(first.variables)


def test_a_head_is_trained_on_the_random_backbone_that_it_then_stands_on(tmp_path):
    from ray_jobs.training.checkpoint import digest_of

    update = {"image_px": 48, "backbone": "convnet-small", "head.epochs": 3}
    recipe = catalog.resolve("b0_scratch", update)
    own = worker(tmp_path, recipe)
    head, main = (prepared(own, phase) for phase in phases_of(recipe))
    assert head.net is head.head
    assert digest_of(main.whole.weights) == digest_of(head.whole.weights)
