"""The table of predictions, Parquet: a row a test image, as `EvaluationResult` describes it."""

from __future__ import annotations

import hashlib
import io
from typing import Any, cast

import numpy as np
import pyarrow
from pyarrow import parquet

from ray_jobs.contract import keys
from ray_jobs.contract.document import ObjectRef
from ray_jobs.scoring.answers import Answers
from ray_jobs.storage import Store, put_content
from ray_jobs.training.evaluation.trial import Trial

# pyarrow ships no types.
_arrow, _parquet = cast("Any", pyarrow), cast("Any", parquet)
Array = Any


def encode_predictions(trial: Trial) -> bytes:
    """The table of every test image; the same answers give the same bytes."""
    test = trial.test
    columns = {
        "sha256": _arrow.array([one.sha256 for one in test], _arrow.string()),
        "group": _arrow.array([one.group for one in test], _arrow.string()),
        "label": _arrow.array([one.label for one in test], _arrow.string()),
        "left_out": _arrow.array(trial.left_out, _arrow.string()),
        "candidate": _shares(trial.candidate, len(test)),
        "champion": _shares(trial.champion, len(test)),
    }
    file = io.BytesIO()
    _parquet.write_table(_arrow.table(columns), file, compression="zstd")
    return file.getvalue()


def keep_predictions(store: Store, run_id: str, trial: Trial) -> ObjectRef:
    """Put the table where the run keeps it, by its content."""
    table = encode_predictions(trial)
    name = f"predictions-{hashlib.sha256(table).hexdigest()[:12]}.parquet"
    return put_content(store, keys.judged(run_id, name), table)


def _shares(answers: Answers | None, images: int) -> Array:
    kind = _arrow.list_(_arrow.float32())
    if answers is None:
        return _arrow.nulls(images, kind)
    return _arrow.array(list(answers.probabilities.astype(np.float32)), kind)
