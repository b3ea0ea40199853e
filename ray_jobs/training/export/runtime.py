"""Every format behind one interface: a batch of pixels in, probabilities out.

A runtime is imported where its format is opened: none waits for another's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.errors import SortlineError
from ray_jobs.contract.export import ExportFormat
from ray_jobs.training.export.signatures import PIXELS

Answering = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""float32 [N, image_px, image_px, 3] in 0..255 -> probabilities float32 [N, classes]."""
Raised = tuple[type[Exception], ...]

_REASON_CHARACTERS = 300


class FormatError(SortlineError):
    """The runtime of a format cannot open an export, or gets no answer from it."""


def cpus() -> int:
    """How many CPUs this process may use; TensorFlow starts as many threads by itself."""
    return len(os.sched_getaffinity(0))


def in_a_line(error: Exception) -> str:
    """What an error says, without its line breaks, and not for pages."""
    return " ".join(str(error).split())[:_REASON_CHARACTERS]


def open_model(kind: ExportFormat, entry: Path, threads: int) -> Answering:
    """Load an export.

    Args:
      kind: its format.
      entry: the folder of a SavedModel, else a file.
      threads: of one request; of a SavedModel, TensorFlow's own number counts.

    Raises:
      FormatError: its runtime refuses it; what is returned raises it where it gets no answer.
    """
    runtime = _RUNTIMES[kind]
    raised = runtime.raises()
    with _told(kind, "opened", raised):
        ask = runtime.open(entry, threads)

    def answer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with _told(kind, "asked", raised):
            return ask(images)

    return answer


def open_all(
    entries: Mapping[ExportFormat, Path], threads: int
) -> tuple[dict[ExportFormat, Answering], dict[ExportFormat, str]]:
    """The exports that can be opened, and why the others cannot."""
    models, failed = dict[ExportFormat, Answering](), dict[ExportFormat, str]()
    for kind, entry in entries.items():
        try:
            models[kind] = open_model(kind, entry, threads)
        except FormatError as error:
            failed[kind] = error.fact
    return models, failed


@contextmanager
def _told(kind: ExportFormat, done: str, raised: Raised) -> Generator[None]:
    """Tell of what a runtime raises in the words of this module."""
    try:
        yield
    except raised as error:
        raise FormatError(
            f"it cannot be {done}: {in_a_line(error)}",
            f"a {kind} export that its runtime can use",
            "Ship the model in another format, or look for what the runtime does not know",
        ) from error


def _saved_model(entry: Path, threads: int) -> Answering:
    del threads  # once it is running, TensorFlow's number cannot be changed
    import tensorflow as tf

    # A signature does not keep the model alive, whose weights it needs: the function here does.
    loaded: Any = tf.saved_model.load(str(entry))

    def answer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        ask = loaded.signatures[PIXELS]
        return ask(images=tf.convert_to_tensor(images))["probabilities"].numpy()

    return answer


def _tensorflow_raises() -> Raised:
    import tensorflow as tf

    return tf.errors.OpError, OSError, ValueError, TypeError, KeyError


def _onnx(entry: Path, threads: int) -> Answering:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(entry, options, providers=["CPUExecutionProvider"])

    def answer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        (found,) = session.run(["probabilities"], {"images": images})
        return cast("NDArray[np.float32]", found)

    return answer


def _onnxruntime_raises() -> Raised:
    import onnxruntime

    # Its errors have no base of their own, and no stubs.
    of = cast("Any", onnxruntime).capi.onnxruntime_pybind11_state
    of_model = of.InvalidGraph, of.InvalidProtobuf, of.NoSuchFile, of.NotImplemented
    return *of_model, of.InvalidArgument, of.RuntimeException, of.EPFail, of.Fail, ValueError


def _litert(entry: Path, threads: int) -> Answering:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(entry), num_threads=threads)
    # The runner fits the model's input to the batch that it is given.
    ask = interpreter.get_signature_runner(PIXELS)
    return lambda images: ask(images=images)["probabilities"]


def _litert_raises() -> Raised:
    return ValueError, RuntimeError, KeyError


class _Runtime(NamedTuple):
    """How a format is opened, and what its runtime raises on an export that is no good."""

    open: Callable[[Path, int], Answering]
    raises: Callable[[], Raised]


_RUNTIMES: Mapping[ExportFormat, _Runtime] = {
    ExportFormat.SAVED_MODEL: _Runtime(_saved_model, _tensorflow_raises),
    ExportFormat.ONNX: _Runtime(_onnx, _onnxruntime_raises),
    ExportFormat.LITERT: _Runtime(_litert, _litert_raises),
}
