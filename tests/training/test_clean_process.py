"""A process without our code serves the SavedModel, and cannot cheat."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ray_jobs.contract.errors import SortlineError
from ray_jobs.training.export import client
from tests.training.conftest import KERAS_COPY
from tests.training.test_savedmodel import COLOURS, dot, looking_glass, written

pytestmark = [pytest.mark.tf, KERAS_COPY]


def test_it_answers_files_with_their_labels(tmp_path):
    from ray_jobs.training.export.clean_process import labels_of

    written(looking_glass(1, 1.0, COLOURS), tmp_path / "waste" / "1")
    work = tmp_path / "work"
    work.mkdir()
    files = [dot(9, 0, 0), dot(0, 0, 9)]
    assert labels_of(tmp_path / "waste" / "1", files, work) == ["red", "blue"]


def test_a_model_that_needs_our_code_cannot_be_served(tmp_path):
    import tensorflow as tf

    from ray_jobs.training.export.clean_process import labels_of

    # Runs Python of the process that wrote it, and of no other.
    save_labelling(lambda files: tf.numpy_function(lambda x: x, [files], tf.string), tmp_path)
    with pytest.raises(SortlineError, match="a clean process cannot use the SavedModel"):
        labels_of(tmp_path / "model", [b"x"], tmp_path)


def test_a_model_without_a_signature_of_pixels_is_an_error(tmp_path):
    from ray_jobs.training.export.clean_process import labels_of

    save_labelling(lambda files: files, tmp_path)
    with pytest.raises(SortlineError, match="does not show serving_default"):
        labels_of(tmp_path / "model", [b"x"], tmp_path)


def save_labelling(label, folder):
    """Save a model with the signature of files alone."""
    import tensorflow as tf

    module = tf.Module()
    spec = tf.TensorSpec([None], tf.string)
    module.label = tf.function(lambda encoded: {"label": label(encoded)}, input_signature=[spec])
    tf.saved_model.save(module, str(folder / "model"), signatures={"encoded": module.label})


@pytest.mark.parametrize("name", client.OURS)
def test_none_of_our_packages_can_be_imported_in_it(name, tmp_path):
    forget = f"import runpy; runpy.run_path({client.__file__!r})['forget']({name!r}); import {name}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", forget], cwd=tmp_path, capture_output=True, text=True
    )
    assert f"import of {name} halted" in done.stderr


def test_a_clean_process_that_answers_otherwise_is_an_error(tmp_path):
    from ray_jobs.contract.export import ExportFormat
    from ray_jobs.training.data.photos import Photos
    from ray_jobs.training.export.clean_process import check_served
    from ray_jobs.training.export.runtime import open_model
    from tests.training.conftest import write_shard
    from tests.training.rosters import roster_of

    trained = looking_glass(1, 1.0, COLOURS)
    written(trained, tmp_path / "model")
    images = [(dot(9, 0, 0), 0), (dot(0, 9, 0), 1)]
    shard, _ = write_shard(tmp_path, images)
    photos = Photos([shard], roster_of(images, [shard]))
    ask = open_model(ExportFormat.SAVED_MODEL, tmp_path / "model", threads=1)
    check_served(tmp_path / "model", ask, trained.labels, photos)
    with pytest.raises(SortlineError, match="answers 'red' to a photo; expected 'blue'"):
        check_served(tmp_path / "model", lambda x: ask(x)[:, ::-1], trained.labels, photos)
