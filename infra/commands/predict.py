"""`sortline predict`: the champion's answer for image files, by a process of the Ray side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from infra.session import Session
from ray_jobs.contract import keys
from ray_jobs.contract.errors import SortlineError, SpecError
from ray_jobs.contract.run import Export, ExportFormat, ExportResult
from ray_jobs.storage import Store, fetch_to, read_document
from tasks import champion


def predict(session: Session, *, name: str | None, images: Sequence[Path], top: int) -> list[Any]:
    """Label images with the champion.

    Returns:
      `{image, classes: [{label, probability}]}`, or `{image, error}`, for each image.

    Raises:
      SpecError: there is no champion yet.
    """
    session.point_at_stack()
    model = session.dataset(name)
    store = session.store("serve")
    pointer = champion.read(store, model).pointer
    if pointer is None:
        raise SpecError(
            f"model '{model}' has no champion",
            "a promoted version",
            "Run `sortline retrain` until one is promoted",
        )
    exports = read_document(store, ExportResult, keys.run(pointer.run_id, "exports.json"))
    saved_model = next(e for e in exports.exports if e.format is ExportFormat.SAVED_MODEL)
    folder = _download(store, saved_model, session.stack.home / "cache" / pointer.run_id)
    return _ask(folder, images, top, log=session.logs / "predict.log")


def _download(store: Store, export: Export, folder: Path) -> Path:
    """The export's files, hash-checked; those that are there already are kept."""
    for ref in export.files:
        path = folder / PurePosixPath(ref.key).relative_to(PurePosixPath(export.prefix))
        if not path.exists():
            fetch_to(store, ref, path)
    return folder


def _ask(folder: Path, images: Sequence[Path], top: int, *, log: Path) -> list[Any]:
    command = [sys.executable, "-m", "ray_jobs.predict", "--export-dir", str(folder)]
    command += ["--top", str(top), "--", *map(str, images)]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode != 0:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stderr)
        raise SortlineError(
            "the model did not answer", "an answer an image", f"Its traceback is in {log}"
        )
    return json.loads(done.stdout.splitlines()[-1])
