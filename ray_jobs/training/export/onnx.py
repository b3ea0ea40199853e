"""A SavedModel as an ONNX file, by tf2onnx."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ray_jobs.contract.errors import SortlineError
from ray_jobs.training.export.signatures import PIXELS

# The newest that tf2onnx 1.17 knows.
_OPSET = 18


def write_onnx(saved_model: Path, path: Path) -> None:
    """Convert the signature of pixels: input `images`, output `probabilities`, any batch.

    Keras's own ONNX export of an EfficientNet is wrong: what normalises becomes two inputs that
    a caller must give (keras 3.15.1). A process of its own: tf2onnx changes global settings of
    TensorFlow, and its memory is free again when it ends.

    Args:
      saved_model: folder of the SavedModel.
      path: of the new file.

    Raises:
      SortlineError: tf2onnx ends without one.
    """
    options = {
        "saved-model": str(saved_model),
        "tag": "serve",
        "signature_def": PIXELS,
        "opset": str(_OPSET),
        "output": str(path),
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    command = [sys.executable, "-m", "tf2onnx.convert", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not path.exists():
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise SortlineError(
            f"tf2onnx ended with {done.returncode}, its last words: {said[-1]}",
            "an ONNX file",
            "Ship the model without `onnx`, or look for the operation that it does not know",
        )
