"""`sortline predict`: the champion's answer for image files, by a process of the Ray side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from infra.ray_side import ask
from infra.session import Session
from ray_jobs.contract import keys
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.export import Export, ExportFormat, ExportResult
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
    options = ["--export-dir", str(folder), "--top", str(top), "--", *map(str, images)]
    return ask("ray_jobs.predict", options, log=log)
