"""Every format behind one interface: a batch of pixels in, probabilities out.

A runtime is imported where its format is opened: none waits for another's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.export import ExportFormat
from ray_jobs.training.export.signatures import PIXELS

Answering = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""float32 [N, image_px, image_px, 3] in 0..255 -> probabilities float32 [N, classes]."""


def cpus() -> int:
    """How many CPUs this process may use; TensorFlow starts as many threads by itself."""
    return len(os.sched_getaffinity(0))


def open_model(kind: ExportFormat, entry: Path, threads: int) -> Answering:
    """Load an export.

    Args:
      kind: its format.
      entry: the folder of a SavedModel, else a file.
      threads: of one request; of a SavedModel, TensorFlow's own number counts.
    """
    return _OPENERS[kind](entry, threads)


def _saved_model(entry: Path, threads: int) -> Answering:
    del threads  # once it is running, TensorFlow's number cannot be changed
    import tensorflow as tf

    # A signature does not keep the model alive, whose weights it needs: the function here does.
    loaded: Any = tf.saved_model.load(str(entry))

    def answer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        ask = loaded.signatures[PIXELS]
        return ask(images=tf.convert_to_tensor(images))["probabilities"].numpy()

    return answer


def _onnx(entry: Path, threads: int) -> Answering:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(entry, options, providers=["CPUExecutionProvider"])

    def answer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        (found,) = session.run(["probabilities"], {"images": images})
        return cast("NDArray[np.float32]", found)

    return answer


def _litert(entry: Path, threads: int) -> Answering:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(entry), num_threads=threads)
    # The runner fits the model's input to the batch that it is given.
    ask = interpreter.get_signature_runner(PIXELS)
    return lambda images: ask(images=images)["probabilities"]


_OPENERS: Mapping[ExportFormat, Callable[[Path, int], Answering]] = {
    ExportFormat.SAVED_MODEL: _saved_model,
    ExportFormat.ONNX: _onnx,
    ExportFormat.LITERT: _litert,
}
