"""ImageNet weights: fetched once, checked, kept in the store, and read from there."""

from __future__ import annotations

import hashlib
from functools import partial

import numpy as np
import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.errors import ClusterError, DataError, SpecError
from ray_jobs.recipes import catalog
from ray_jobs.training.weights import imagenet
from ray_jobs.training.weights.imagenet import FILES, Published, mirror, read
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.conftest import KERAS_COPY
from tests.tasks.sources.web import web

DATA = b"weights" * 1000


@pytest.fixture
def published(monkeypatch) -> Published:
    """Ours in place of Keras's file, which nobody here has."""
    ours = Published("k/efficientnetb0_notop.h5", hashlib.md5(DATA).hexdigest())
    monkeypatch.setitem(imagenet.FILES, "efficientnet-b0", ours)
    return ours


def test_a_file_is_fetched_once_and_read_from_the_store(published):
    store = InMemoryStore()
    with web({published.path: DATA}) as site:
        mirror(store, "efficientnet-b0", site=site.url)
        mirror(store, "efficientnet-b0", site=site.url)
        assert len(site.asked) == 1
    assert read(store, "efficientnet-b0") == DATA


def test_a_file_that_somebody_put_there_will_do(published):
    store = InMemoryStore()
    store.put(keys.published_weights(published.name), DATA)
    mirror(store, "efficientnet-b0", site="http://127.0.0.1:1")
    assert read(store, "efficientnet-b0") == DATA


def test_a_closed_machine_is_told_which_file_to_put_where(published):
    told = (
        r"/k/efficientnetb0_notop\.h5 cannot be fetched: ConnectError: .*; expected a way to the"
        r" ImageNet weights of efficientnet-b0, .*weights/published/efficientnetb0_notop\.h5\. "
        rf".*{published.md5}"
    )
    store = InMemoryStore()
    with pytest.raises(ClusterError, match=told):
        mirror(store, "efficientnet-b0", site="http://127.0.0.1:1")
    with web({}) as site, pytest.raises(SpecError, match="cannot be fetched: status 404"):
        mirror(store, "efficientnet-b0", site=site.url)
    assert store.objects == {}


def test_another_file_is_refused_and_not_kept(published):
    store = InMemoryStore()
    with web({published.path: b"other"}) as site, pytest.raises(DataError, match=r"has md5 .*5 b"):
        mirror(store, "efficientnet-b0", site=site.url)
    assert store.objects == {}
    store.put(keys.published_weights(published.name), b"other")
    with pytest.raises(DataError, match=r"has md5 .* as Keras publishes"):
        read(store, "efficientnet-b0")


@pytest.mark.tf
@KERAS_COPY
def test_files_and_hashes_are_those_of_keras():
    from keras.src.applications import efficientnet, vgg16

    assert [FILES[f"efficientnet-b{n}"].md5 for n in range(8)] == [
        efficientnet.WEIGHTS_HASHES[f"b{n}"][1] for n in range(8)
    ]
    assert f"{imagenet.SITE}/{FILES['vgg16'].path}" == vgg16.WEIGHTS_PATH_NO_TOP
    efficientnet_b0 = f"{imagenet.SITE}/{FILES['efficientnet-b0'].path}"
    assert efficientnet_b0 == f"{efficientnet.BASE_WEIGHTS_PATH}efficientnetb0_notop.h5"


@pytest.mark.tf
@KERAS_COPY
def test_every_network_with_weights_is_one_that_can_be_built_with_them():
    from ray_jobs.training.models import classifier

    assert sorted(FILES) == sorted(n for n, one in classifier.NETWORKS.items() if one.imagenet)


@pytest.fixture
def kept(request, tmp_path, monkeypatch):
    """A name, a store that holds its file as published, and how Keras builds it with that."""
    import h5py
    import keras
    from keras.src.applications import efficientnet, vgg16
    from keras.src.backend import config
    from keras.src.legacy.saving import legacy_h5_format

    name = request.param
    path = tmp_path / "keras" / "models" / FILES[name].name
    path.parent.mkdir(parents=True)
    build = getattr(
        keras.applications, {"efficientnet-b0": "EfficientNetB0", "vgg16": "VGG16"}[name]
    )
    source = build(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")
    if (
        name == "efficientnet-b0"
    ):  # as published: the mean, and the deviation in place of its square
        source.get_layer(index=2).set_weights(
            [np.array(each) for each in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 0)]
        )
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, source)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setitem(imagenet.FILES, name, Published(FILES[name].path, md5))
    monkeypatch.setattr(config, "keras_home", lambda: str(tmp_path / "keras"))
    monkeypatch.setitem(efficientnet.WEIGHTS_HASHES, "b0", ("", md5))
    fetch = vgg16.file_utils.get_file
    monkeypatch.setattr(
        vgg16.file_utils, "get_file", lambda *a, **k: fetch(*a, **(k | {"file_hash": md5}))
    )
    store = InMemoryStore()
    store.put(keys.published_weights(FILES[name].name), path.read_bytes())
    return name, store, partial(build, False, "imagenet", input_shape=(32, 32, 3), pooling="avg")


def images() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)


def recipe_of(name: str):
    overrides = {"backbone": name, "image_px": 32, "weights": "imagenet"}
    return catalog.resolve("b0_scratch", overrides)


@pytest.mark.tf
@KERAS_COPY
@pytest.mark.parametrize("kept", ["efficientnet-b0", "vgg16"], indirect=True)
def test_a_backbone_answers_as_that_of_keras_with_the_weights_of_the_store(kept, tmp_path):
    from ray_jobs.training.models.pretrained import start_backbone

    name, store, build_theirs = kept
    theirs = build_theirs()
    backbone = start_backbone(store, recipe_of(name), tmp_path / "mine")
    pixels = images()
    if name == "vgg16":  # Keras leaves it to the caller to take the mean colour away
        expected = theirs(pixels[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32))
    else:
        expected = theirs(pixels)
    found, expected = backbone(pixels, training=False).numpy(), expected.numpy()
    # Features of random weights are tiny: what counts is how they differ from each other.
    assert np.abs(found - expected).max() < 1e-3 * expected.std()


@pytest.mark.tf
@KERAS_COPY
@pytest.mark.parametrize("kept", ["efficientnet-b0"], indirect=True)
def test_a_classifier_that_began_with_them_is_the_same_when_it_is_built_again(kept, tmp_path):
    from ray_jobs.training.models import build, classifier
    from ray_jobs.training.models.pretrained import start_backbone, start_head

    name, store, _ = kept
    recipe = recipe_of(name)
    backbone = start_backbone(store, recipe, tmp_path / "mine")
    trained = classifier.join(backbone, start_head(store, recipe, backbone, 3, 0, tmp_path))
    trained.save_weights(tmp_path / "trained.weights.h5")
    again = build(name, image_px=32, num_classes=3, weights=tmp_path / "trained.weights.h5")
    pixels = images()
    np.testing.assert_allclose(again(pixels).numpy(), trained(pixels).numpy(), rtol=1e-5)
