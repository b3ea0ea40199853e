"""A SavedModel as a LiteRT file, its weights in float16."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from ray_jobs.training.export.signatures import PIXELS


def write_litert(saved_model: Path, path: Path) -> None:
    """Convert the signature of pixels; inputs and outputs stay float32, the size halves.

    Args:
      saved_model: folder of the SavedModel.
      path: of the new file.

    Raises:
      Exception: anything that the converter raises, where it does not know an operation.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=[PIXELS])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    path.write_bytes(converter.convert())
