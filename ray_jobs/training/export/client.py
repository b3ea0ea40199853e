"""A user of a SavedModel, who has TensorFlow and nothing of Sortline: MODEL PHOTO...

Run by its path, with `python -I`. Prints a line with one JSON object: `labels`, that of each photo;
`probabilities`, a row a photo; and `packages`, all that were imported. Then what TensorFlow's
`saved_model_cli` shows of the model.
"""

import json
import sys
from pathlib import Path
from typing import Any, cast

OURS = ("dags", "infra", "ray_jobs", "tasks")
BATCH = 8


def main(model: str, *photos: str) -> None:
    """Ask about photos, a batch at a time, and have the model shown."""
    forget(*OURS)
    import tensorflow as tf
    from tensorflow.python.tools import saved_model_cli

    loaded = cast("Any", tf.saved_model.load(model))
    labels: list[str] = []
    probabilities: list[list[float]] = []
    for start in range(0, len(photos), BATCH):
        files = [Path(photo).read_bytes() for photo in photos[start : start + BATCH]]
        answer = loaded.signatures["encoded"](encoded=tf.constant(files))
        labels += [label.decode() for label in answer["label"].numpy()]
        probabilities += answer["probabilities"].numpy().tolist()
    packages = sorted({name.partition(".")[0] for name, module in sys.modules.items() if module})
    told = {"labels": labels, "probabilities": probabilities, "packages": packages}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.argv = ["saved_model_cli", "show", "--all", "--dir", model]
    saved_model_cli.main()  # ends this process


def forget(*packages: str) -> None:
    """Make packages impossible to import, installed or not: a module that is None is refused."""
    cast("dict[str, Any]", sys.modules).update(dict.fromkeys(packages))


if __name__ == "__main__":
    main(*sys.argv[1:])
