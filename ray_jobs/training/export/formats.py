"""A trained model in every format, each in a folder of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ray_jobs.contract.export import ExportFormat
from ray_jobs.training.export.labels import write_beside
from ray_jobs.training.export.litert import write_litert
from ray_jobs.training.export.onnx import write_onnx
from ray_jobs.training.export.runtime import open_model
from ray_jobs.training.export.savedmodel import write_savedmodel
from ray_jobs.training.export.trained import Trained

log = logging.getLogger("ray_jobs.export")

_REASON_CHARACTERS = 300


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
    for kind, (entry, write) in _CONVERTED.items():
        path = root / kind / entry
        path.parent.mkdir()
        try:
            write(saved_model, path)
            # tf2onnx leaves an operation that it does not know in the file, and ends well.
            open_model(kind, path, threads=1)
        except Exception as error:  # converters and runtimes raise at will on what they do not know
            made.refused[kind] = " ".join(str(error).split())[:_REASON_CHARACTERS]
            log.warning("no %s: %s", kind, made.refused[kind])
        else:
            made.entries[kind] = entry
    for kind in made.entries:
        write_beside(root / kind, trained.labels)
    return made


_CONVERTED: Mapping[ExportFormat, tuple[str, Callable[[Path, Path], None]]] = {
    ExportFormat.ONNX: ("model.onnx", write_onnx),
    ExportFormat.LITERT: ("model.tflite", write_litert),
}
