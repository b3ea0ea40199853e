"""A user of a SavedModel, who has TensorFlow and nothing of Sortline: MODEL PHOTO...

Run by its path, with `python -I`. Prints a line with one JSON object: `labels`, that of each photo,
and `packages`, all that were imported. Then what TensorFlow's `saved_model_cli` shows of the model.
"""

import json
import sys
from pathlib import Path
from typing import Any, cast

OURS = ("dags", "infra", "ray_jobs", "tasks")


def main(model: str, *photos: str) -> None:
    """Ask for the labels of photos, and have the model shown."""
    forget(*OURS)
    import tensorflow as tf
    from tensorflow.python.tools import saved_model_cli

    loaded = cast("Any", tf.saved_model.load(model))
    files = tf.constant([Path(photo).read_bytes() for photo in photos])
    labels = loaded.signatures["encoded"](encoded=files)["label"].numpy()
    imported = {name.partition(".")[0] for name, module in sys.modules.items() if module}
    told = {"labels": [label.decode() for label in labels], "packages": sorted(imported)}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.argv = ["saved_model_cli", "show", "--all", "--dir", model]
    saved_model_cli.main()  # ends this process


def forget(*packages: str) -> None:
    """Make packages impossible to import, installed or not: a module that is None is refused."""
    cast("dict[str, Any]", sys.modules).update(dict.fromkeys(packages))


if __name__ == "__main__":
    main(*sys.argv[1:])
