"""A SavedModel in the hands of somebody else: a process with none of our code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ray_jobs.contract.errors import ClusterError, SortlineError
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.records import decode, records
from ray_jobs.training.export import client
from ray_jobs.training.export.labels import Labels
from ray_jobs.training.export.parity import tied
from ray_jobs.training.export.runtime import Answering
from ray_jobs.training.export.signatures import FILES, PIXELS

_SERVED = 4


class NotServedError(SortlineError):
    """A process without our code cannot use the SavedModel as it should."""


def check_served(entry: Path, ask: Answering, labels: Labels, photos: Photos) -> None:
    """See that a process without our code answers photos as the export answers their pixels.

    Args:
      entry: folder of the SavedModel.
      ask: the same, loaded in this process.
      labels: of it.
      photos: a few of them are asked about.

    Raises:
      NotServedError: it fails, answers otherwise, imported some of our code, or lacks a signature.
    """
    files = [encoded for _, encoded, _ in records(photos).take(_SERVED).as_numpy_iterator()]
    expected = ask(np.stack([decode(file, labels.image_px).numpy() for file in files]))
    likeliest = [labels.classes[index] for index in expected.argmax(axis=-1)]
    with TemporaryDirectory() as folder:
        answered = labels_of(entry, files, Path(folder))
    for answer, label, tie in zip(answered, likeliest, tied(expected), strict=True):
        if answer != label and not tie:
            raise NotServedError(
                f"a clean process answers '{answer}' to a photo",
                f"'{label}', as the export answers the pixels that training sees of it",
                "Do not promote it: the graph prepares photos otherwise than training does",
            )


def labels_of(entry: Path, files: Sequence[bytes], folder: Path) -> list[str]:
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
    return told["labels"]


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
