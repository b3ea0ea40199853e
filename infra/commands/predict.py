"""`sortline predict`: the champion's answer for photos, by a process of the Ray side."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from infra.ray_side import ask
from infra.session import Session
from ray_jobs.contract import keys
from ray_jobs.contract.document import ObjectRef
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.export import Export, ExportFormat, ExportResult, VerificationResult
from ray_jobs.storage import Store, fetch_to, read_document
from tasks.judging import champion
from tasks.sources.trees.base import shown


def predict(
    session: Session, *, name: str | None, images: Sequence[str], kind: ExportFormat, top: int
) -> dict[str, Any]:
    r"""Label images with the champion.

    Args:
      session: of the command line.
      name: the model; None for the only one there is.
      images: files, folders, `-` for an image on this process's standard input.
      kind: which of the champion's exports answers.
      top: how many classes are told of an image.

    Returns:
      `images`, each `{image, classes: [{label, probability}]}` or `{image, error}`, a name's bytes
      that are no UTF-8 as `\xff`; and `skipped`, how many files of the folders are no photos.

    Raises:
      DataError: there is no champion yet.
      SpecError: it is not published in this format.
    """
    session.point_at_stack()
    store = session.store("serve")
    model = session.model(name, store)
    pointer = champion.read(store, model).pointer
    if pointer is None:
        raise champion.no_champion(store, model)
    export = published_export(store, pointer.run_id, kind)
    folder = fetch_export(store, export, session.stack.home / "cache" / pointer.run_id / kind)
    options = {"export-dir": str(folder), "format": kind, "entry": export.entry, "top": str(top)}
    words = [word for option, value in options.items() for word in (f"--{option}", value)]
    # The process reads our standard input itself.
    told = ask("ray_jobs.predict", [*words, "--", *images], log=session.logs / "predict.log")
    rows = [{**row, "image": shown(row["image"])[0]} for row in told["images"]]
    return {**told, "images": rows}


def published_export(store: Store, run_id: str, kind: ExportFormat) -> Export:
    """The export of a run in a format.

    Raises:
      SpecError: it is not published; names the formats that are.
    """
    exports = read_document(store, ExportResult, keys.run(run_id, "exports.json"))
    verified = read_document(store, VerificationResult, keys.run(run_id, "verification.json"))
    if kind in verified.published:
        return next(export for export in exports.exports if export.format is kind)
    reasons = {one.format: one.reason for one in verified.formats} | exports.refused
    raise SpecError(
        f"run {run_id} has published no '{kind}': {reasons.get(kind)}",
        f"one of its published formats: {', '.join(verified.published) or 'none'}",
        "Pass another --format",
    )


def fetch_export(store: Store, export: Export, folder: Path) -> Path:
    """The export's files, hash-checked; those that lie there already, whole, are kept."""
    for ref in export.files:
        path = folder / PurePosixPath(ref.key).relative_to(PurePosixPath(export.prefix))
        if not _is_whole(path, ref):
            fetch_to(store, ref, path)
    return folder


def _is_whole(path: Path, ref: ObjectRef) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == ref.sha256
