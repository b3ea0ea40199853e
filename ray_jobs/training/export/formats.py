"""A trained model in every format, each in a folder of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ray_jobs.contract.export import ExportFormat
from ray_jobs.training.export.labels import write_beside
from ray_jobs.training.export.litert import write_litert
from ray_jobs.training.export.onnx import write_onnx
from ray_jobs.training.export.runtime import in_a_line, open_model
from ray_jobs.training.export.savedmodel import write_savedmodel
from ray_jobs.training.export.trained import Trained

log = logging.getLogger("ray_jobs.export")


@dataclass(frozen=True)
class Formats:
    """What was made: for each format its entry, relative to `root/<format>`, or why not."""

    root: Path
    entries: dict[ExportFormat, str] = field(default_factory=dict[ExportFormat, str])
    refused: dict[ExportFormat, str] = field(default_factory=dict[ExportFormat, str])


def write_formats(trained: Trained, name: str, version: int, root: Path) -> Formats:
    """Write a SavedModel, and from it every other format that can be made of it.

    Args:
      trained: the model.
      name: of the registered model.
      version: of it.
      root: gets a folder a format.

    Raises:
      Exception: what TensorFlow raises where it cannot write the SavedModel.
    """
    made = Formats(root, {ExportFormat.SAVED_MODEL: f"{name}/{version}"})
    saved_model = root / ExportFormat.SAVED_MODEL / name / str(version)
    write_savedmodel(trained, saved_model)
    with ThreadPoolExecutor() as at_once:  # tf2onnx is a process of its own
        reasons = at_once.map(lambda kind: _convert(kind, saved_model, root), _CONVERTED)
    for kind, reason in zip(_CONVERTED, reasons, strict=True):
        if reason is None:
            made.entries[kind] = _CONVERTED[kind].entry
        else:
            made.refused[kind] = reason
            log.warning("no %s: %s", kind, reason)
    for kind in made.entries:
        write_beside(root / kind, trained.labels)
    return made


def _convert(kind: ExportFormat, saved_model: Path, root: Path) -> str | None:
    """Make a format of a SavedModel; None, or why it cannot be."""
    path = root / kind / _CONVERTED[kind].entry
    path.parent.mkdir()
    try:
        _CONVERTED[kind].write(saved_model, path)
        # tf2onnx leaves an operation that it does not know in the file, and ends well.
        open_model(kind, path, threads=1)
    except Exception as error:  # converters and runtimes raise at will on what they do not know
        return in_a_line(error)
    return None


class _Conversion(NamedTuple):
    """The file of a format, and who writes it from a SavedModel."""

    entry: str
    write: Callable[[Path, Path], None]


_CONVERTED: Mapping[ExportFormat, _Conversion] = {
    ExportFormat.ONNX: _Conversion("model.onnx", write_onnx),
    ExportFormat.LITERT: _Conversion("model.tflite", write_litert),
}
