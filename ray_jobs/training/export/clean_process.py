"""A SavedModel in the hands of somebody else: a process with none of our code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ray_jobs.contract.errors import ClusterError, SortlineError
from ray_jobs.contract.export import ExportFormat
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.records import decode, records
from ray_jobs.training.export import client
from ray_jobs.training.export.labels import Labels
from ray_jobs.training.export.parity import DIFFERENCE_BOUND, Tally, tied
from ray_jobs.training.export.runtime import Answering
from ray_jobs.training.export.signatures import FILES, PIXELS

_SERVED = 64
_AS_TRAINED = "as the export answers the pixels that training sees of it"
_REMEDY = "Do not promote it: the graph prepares photos otherwise than training does"


class NotServedError(SortlineError):
    """A process without our code cannot use the SavedModel as it should."""


class Served(NamedTuple):
    """What a process without our code answered: labels, and probabilities float32 [N, classes]."""

    labels: list[str]
    probabilities: NDArray[np.float32]


def check_served(entry: Path, ask: Answering, labels: Labels, photos: Photos) -> None:
    """See that a process without our code answers photos as the export answers their pixels.

    Args:
      entry: folder of the SavedModel.
      ask: the same, loaded in this process.
      labels: of it.
      photos: the first 64 of them are asked about.

    Raises:
      NotServedError: it fails, answers otherwise, imported some of our code, or lacks a signature.
    """
    files = [encoded for _, encoded, _ in records(photos).take(_SERVED).as_numpy_iterator()]
    expected = _of_pixels(ask, files, labels.image_px)
    with TemporaryDirectory() as folder:
        served = serve(entry, files, Path(folder))
    likeliest = [labels.classes[index] for index in expected.argmax(axis=-1)]
    for answer, label, tie in zip(served.labels, likeliest, tied(expected), strict=True):
        if answer != label and not tie:
            fact = f"a clean process answers '{answer}' to a photo"
            raise NotServedError(fact, f"'{label}', {_AS_TRAINED}", _REMEDY)
    difference = Tally().plus(expected, served.probabilities).max_difference
    bound = DIFFERENCE_BOUND[ExportFormat.SAVED_MODEL]
    if difference > bound:
        fact = f"a clean process answers a photo otherwise by {difference:.2g}"
        raise NotServedError(fact, f"at most {bound:g}, {_AS_TRAINED}", _REMEDY)


def _of_pixels(ask: Answering, files: Sequence[bytes], image_px: int) -> NDArray[np.float32]:
    """Probabilities [N, classes] of files, each decoded as training does."""
    starts = range(0, len(files), client.BATCH)
    batches = [files[start : start + client.BATCH] for start in starts]
    squares = (
        np.stack([decode(tf.constant(file), image_px) for file in batch]) for batch in batches
    )
    return np.concatenate([ask(images) for images in squares])


def serve(entry: Path, files: Sequence[bytes], folder: Path) -> Served:
    """What a process without our code answers to photos, by the signature of files.

    Args:
      entry: folder of the SavedModel.
      files: JPEG or PNG, upright.
      folder: outside the project; gets the photos, and the process runs in it.

    Raises:
      NotServedError: it fails, it imported some of our code, or TensorFlow's own `saved_model_cli`
        does not show both signatures there.
      ClusterError: it was killed.
    """
    paths = [folder / str(number) for number in range(len(files))]
    for path, file in zip(paths, files, strict=True):
        path.write_bytes(file)
    words = [str(Path(client.__file__).resolve()), str(entry), *map(str, paths)]
    answered, _, shown = _run(words, folder).partition("\n")
    told = json.loads(answered)
    if ours := set(told["packages"]) & set(client.OURS):
        raise NotServedError(
            f"the clean process imported {', '.join(sorted(ours))}",
            "none of our code in it",
            "Look at what it loads",
        )
    missing = [name for name in (PIXELS, FILES) if f"signature_def['{name}']" not in shown]
    if missing:
        raise NotServedError(
            f"saved_model_cli does not show {', '.join(missing)}",
            f"the signatures {PIXELS} and {FILES}",
            "Look at how the SavedModel is written",
        )
    return Served(told["labels"], np.array(told["probabilities"], np.float32))


def _run(words: Sequence[str], folder: Path) -> str:
    """The standard output of an isolated Python: no PYTHON variables, no folder of ours."""
    command = [sys.executable, "-I", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode == -signal.SIGKILL:  # as a node does that is short of memory
        raise ClusterError(
            "a clean process was killed while it used the SavedModel",
            "memory for one process more that loads it",
            "Run it again, on a node with more memory",
        )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise NotServedError(
            f"a clean process cannot use the SavedModel, its last words: {said[-1]}",
            "an export that needs TensorFlow alone",
            "Do not promote it: look for what it needs of ours",
        )
    return done.stdout
