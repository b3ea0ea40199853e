"""The layouts by name."""

from __future__ import annotations

from enum import StrEnum


class Layout(StrEnum):
    """How the classes are told."""

    FOLDER = "folder"
    SPLIT = "split"
    CSV = "csv"
    JSONL = "jsonl"
    HUAWEI = "huawei"


TABLES = {".csv": Layout.CSV, ".tsv": Layout.CSV, ".jsonl": Layout.JSONL}


def table_layout(path: str) -> Layout | None:
    """The layout that a file's name makes it, or None where it is no table.

    >>> table_layout("photos/Labels.CSV")
    <Layout.CSV: 'csv'>
    """
    return next((kind for end, kind in TABLES.items() if path.lower().endswith(end)), None)
