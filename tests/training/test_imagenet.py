"""ImageNet weights: fetched once, checked, kept in the store, and read from there."""

from __future__ import annotations

import hashlib

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.errors import ClusterError, DataError
from ray_jobs.training.models import imagenet
from ray_jobs.training.models.imagenet import FILES, Published, mirror, read
from tests.fakes import InMemoryStore
from tests.tasks.ingest.web import web
from tests.training.conftest import KERAS_COPY

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
        r"efficientnetb0_notop\.h5, the ImageNet weights of efficientnet-b0, cannot be fetched: .*;"
        rf" expected .*weights/published/efficientnetb0_notop\.h5\. .*{published.md5}"
    )
    store = InMemoryStore()
    with pytest.raises(ClusterError, match=told):
        mirror(store, "efficientnet-b0", site="http://127.0.0.1:1")
    with web({}) as site, pytest.raises(ClusterError, match="404"):
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


@pytest.mark.tf
@KERAS_COPY
@pytest.mark.parametrize("name", ["efficientnet-b0", "vgg16"])
def test_a_worker_builds_the_network_with_the_weights_of_the_store(name, tmp_path, monkeypatch):
    import h5py
    import keras
    from keras.src.applications import efficientnet, vgg16
    from keras.src.backend import config
    from keras.src.legacy.saving import legacy_h5_format

    from ray_jobs.training.models.pretrained import build_pretrained

    build = {
        "efficientnet-b0": keras.applications.EfficientNetB0,
        "vgg16": keras.applications.VGG16,
    }
    source = build[name](include_top=False, weights=None, input_shape=(32, 32, 3))
    path = tmp_path / "published.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, source)
    data = path.read_bytes()
    md5 = hashlib.md5(data).hexdigest()
    monkeypatch.setitem(imagenet.FILES, name, Published(FILES[name].path, md5))
    monkeypatch.setattr(config, "keras_home", lambda: str(tmp_path / "keras"))
    monkeypatch.setitem(efficientnet.WEIGHTS_HASHES, "b0", ("", md5))
    fetch = vgg16.file_utils.get_file
    monkeypatch.setattr(
        vgg16.file_utils, "get_file", lambda *a, **k: fetch(*a, **(k | {"file_hash": md5}))
    )
    store = InMemoryStore()
    store.put(keys.published_weights(FILES[name].name), data)
    backbone = build_pretrained(store, name, 32, tmp_path)
    convolutions = [layer for layer in source.layers if isinstance(layer, keras.layers.Conv2D)]
    inside = {layer.name: layer for layer in backbone._flatten_layers()}
    for layer in convolutions:
        found = inside[layer.name].get_weights()[0]
        assert (found == layer.get_weights()[0]).all()
