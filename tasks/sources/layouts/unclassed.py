"""The refusal of a tree that does not tell its classes: what was found, and what to do."""

from __future__ import annotations

from ray_jobs.contract.errors import DataError
from tasks.sources.layouts.base import some
from tasks.sources.layouts.detection import detection_evidence
from tasks.sources.layouts.folders import Folders
from tasks.sources.layouts.kinds import TABLES
from tasks.sources.layouts.tables import unusable_tables
from tasks.sources.litter import has_picture_ending, other_kind

_EXPECTED = "one class a photo: a folder a class, or a table with the columns path and label"


def unclassed(folders: Folders) -> DataError:
    """Why the classes of a tree cannot be told. It is not called where nothing may be a photo."""
    archives = [f.path for f in folders.photos if other_kind(f.path) == "an archive"]
    if archives and not any(has_picture_ending(f.path) for f in folders.photos):
        return DataError(
            f"the source holds no photo, but archives ({some(sorted(archives))})",
            "a folder of photos, or one archive of them",
            "Unpack them, each into a folder of its class, or pass one of them as the source",
        )
    evidence = detection_evidence(folders.files, folders.photos)
    if evidence is not None:
        return DataError(
            f"the source is labelled for detection or segmentation, not by class: {evidence}",
            _EXPECTED,
            "Cut the objects out into class folders, or add a table that gives each photo a class",
        )
    faults = unusable_tables(folders.files, tuple(TABLES))
    tables = f"no table that names the photos: {some(faults)}" if faults else "no table"
    return DataError(
        f"{_found(folders)}; there is no class folder, and {tables}",
        _EXPECTED,
        "Put the photos of each class in a folder of its name, or pass a table as the source;"
        " --format folder takes the folders as they are for classes",
    )


def _found(folders: Folders) -> str:
    names = sorted(folders.top)
    if folders.split_classes:
        inside = some(folders.split_classes)
        return f"the split folders ({some(folders.splits)}) hold folders that are named {inside}"
    if not names:
        photos = [file for file in folders.photos if not other_kind(file.path)]
        shown = some(sorted(photo.path for photo in photos))
        return f"photos lie in no folder ({len(photos):,}: {shown})"
    inside = sorted({inner for name in names for inner in folders.below(name).names})
    if inside:
        return (
            f"{some(names)} are named like no classes,"
            f" and do not all hold photos of the same ones ({some(inside)})"
        )
    return f"photos lie directly in {some(names)}"
