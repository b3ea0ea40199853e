"""What a training starts from: a file that Sortline published, in whole or in part."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import h5py
import numpy as np
import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.errors import DataError
from ray_jobs.recipes import catalog
from ray_jobs.storage import MissingObjectError
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.conftest import KERAS_COPY

pytestmark = [pytest.mark.tf, KERAS_COPY]

NETWORKS = {
    "efficientnet-lite0": 32,
    "mnasnet-a1": 32,
    "vgg16": 32,
    "convnet-small": 48,
    "convnet-mnist": 28,
}


def made(name: str, classes: int = 3, seed: int = 5):
    """A backbone and a head, every number of which is its own."""
    import keras

    from ray_jobs.training.models import classifier

    keras.utils.clear_session()
    backbone = classifier.build_backbone(name, image_px=NETWORKS[name])
    head = classifier.build_head(name, classifier.features_of(backbone), num_classes=classes)
    rng = np.random.default_rng(seed)
    for variable in [*backbone.weights, *head.weights]:
        variable.assign(rng.uniform(0.5, 1, variable.shape).astype(variable.dtype))
    return backbone, head


def published(model, folder: Path) -> tuple[InMemoryStore, str]:
    path = folder / "published.weights.h5"
    model.save_weights(path)
    return kept(path)


def kept(path: Path) -> tuple[InMemoryStore, str]:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    store = InMemoryStore()
    store.put(keys.weights(sha256), path.read_bytes())
    return store, sha256


def recipe_of(name: str, sha256: str):
    return catalog.resolve(
        "b0_scratch",
        {
            "backbone": name,
            "image_px": NETWORKS[name],
            "weights": "s3://memory/a.weights.h5",
            "weights_sha256": sha256,
        },
    )


def started(store, recipe, folder: Path, classes: int = 3):
    from ray_jobs.training.models.pretrained import start_backbone, start_head

    backbone = start_backbone(store, recipe, folder)
    return backbone, start_head(store, recipe, backbone, classes, 1, folder)


def are_same(one, other) -> bool:
    from ray_jobs.training.checkpoint import digest_of

    def saved(model):
        return [v for v in model.weights if "seed_generator" not in v.path]

    return digest_of(saved(one)) == digest_of(saved(other))


@pytest.mark.parametrize("name", ["mnasnet-a1", "convnet-small"])
def test_names_in_a_file_are_those_of_keras(name: str, tmp_path):
    from ray_jobs.training.models import classifier, weights_file

    whole = classifier.join(*made(name))
    path = tmp_path / "a.weights.h5"
    whole.save_weights(path)
    with h5py.File(path) as file:
        for held, variable in weights_file._variables(whole, "layers/"):
            assert (file[held][()] == variable.numpy()).all()
    assert weights_file.misfit(whole, weights_file.shapes_in(path)) is None


@pytest.mark.parametrize("name", NETWORKS)
def test_a_whole_classifier_of_as_many_classes_is_taken_whole(name: str, tmp_path, caplog):
    from ray_jobs.training.models import classifier

    backbone, head = made(name)
    store, sha256 = published(classifier.join(backbone, head), tmp_path)
    with caplog.at_level(logging.INFO, "ray_jobs"):
        found = started(store, recipe_of(name, sha256), tmp_path / "mine")
    assert are_same(found[0], backbone)
    assert are_same(found[1], head)
    assert caplog.messages == []


def test_where_the_classes_are_others_the_backbone_alone_is_taken(tmp_path, caplog):
    from ray_jobs.training.models import classifier

    backbone, head = made("mnasnet-a1")
    store, sha256 = published(classifier.join(backbone, head), tmp_path)
    with caplog.at_level(logging.INFO, "ray_jobs"):
        found = started(store, recipe_of("mnasnet-a1", sha256), tmp_path / "mine", classes=4)
    assert are_same(found[0], backbone)
    assert found[1].output_shape == (None, 4)
    assert caplog.messages == [
        "the head starts anew: logits/kernel has shape (1280, 4), the file (1280, 3)"
        " (layers/functional/layers/dense/vars/0)"
    ]


def test_of_a_backbone_alone_the_head_starts_anew_by_its_seed(tmp_path, caplog):
    from ray_jobs.training.models import classifier

    backbone, _ = made("mnasnet-a1")
    store, sha256 = published(backbone, tmp_path)
    with caplog.at_level(logging.INFO, "ray_jobs"):
        found = started(store, recipe_of("mnasnet-a1", sha256), tmp_path / "mine")
    assert are_same(found[0], backbone)
    assert are_same(found[1], classifier.build_head("mnasnet-a1", 1280, num_classes=3, seed=1))
    assert "the file nothing (layers/functional/layers/dense/vars/0)" in caplog.text


def test_weights_of_another_network_are_refused_with_the_first_that_does_not_fit(tmp_path):
    backbone, _ = made("mnasnet-a1")
    store, sha256 = published(backbone, tmp_path)
    told = (
        r"the weights do not fit efficientnet-lite0: normalization/mean has shape \(3,\), the file"
        r" nothing \(layers/normalization/vars/0\); expected a whole efficientnet-lite0"
    )
    with pytest.raises(DataError, match=told):
        started(store, recipe_of("efficientnet-lite0", sha256), tmp_path / "mine")


def test_a_deeper_network_that_begins_alike_is_refused(tmp_path):
    import keras

    backbone, _ = made("convnet-mnist")
    more = keras.layers.Conv2D(64, 1, name="conv4")(backbone.get_layer("conv3").output)
    deeper = keras.Model(backbone.input, keras.layers.Flatten()(more))
    store, sha256 = published(deeper, tmp_path)
    told = r"the file has layers/conv2d_3/vars/0 \(1, 1, 64, 64\), the network has not"
    with pytest.raises(DataError, match=told):
        started(store, recipe_of("convnet-mnist", sha256), tmp_path / "mine")


def test_what_is_no_hdf5_is_refused(tmp_path):
    path = tmp_path / "a.weights.h5"
    path.write_bytes(b"PK pickle")
    store, sha256 = kept(path)
    with pytest.raises(DataError, match=r"cannot be read: .*; expected a \.weights\.h5 that Keras"):
        started(store, recipe_of("convnet-mnist", sha256), tmp_path / "mine")


def test_numbers_that_lie_in_another_file_are_not_read(tmp_path):
    backbone, _ = made("convnet-mnist")
    path = tmp_path / "a.weights.h5"
    backbone.save_weights(path)
    (tmp_path / "secret").write_bytes(bytes(4 * 64))
    with h5py.File(path, "a") as file:
        del file["layers/conv2d_2/vars/1"]
        outside = [(str(tmp_path / "secret"), 0, 4 * 64)]
        file.create_dataset("layers/conv2d_2/vars/1", (64,), "float32", external=outside)
    store, sha256 = kept(path)
    with pytest.raises(DataError, match=r"conv3/bias has shape \(64,\), the file nothing"):
        started(store, recipe_of("convnet-mnist", sha256), tmp_path / "mine")


def test_a_worker_takes_nothing_but_what_the_store_holds(tmp_path):
    recipe = recipe_of("convnet-mnist", "0" * 64)
    with pytest.raises(MissingObjectError, match=r"weights/0{64}\.weights\.h5 does not exist"):
        started(InMemoryStore(), recipe, tmp_path)
    store = InMemoryStore()
    store.put(keys.weights("0" * 64), b"other")
    with pytest.raises(DataError, match="as recorded when it was written"):
        started(store, recipe, tmp_path)


def test_the_package_offers_build_and_names():
    from ray_jobs.training.models import build, names

    assert "mnasnet-a1" in names()
    model = build("convnet-mnist", image_px=28, num_classes=5)
    assert (model.input_shape, model.output_shape) == ((None, 28, 28, 3), (None, 5))
