"""The refusals of a tree that mixes two ways to tell the classes."""

from __future__ import annotations

from ray_jobs.contract.errors import DataError
from tasks.sources.trees.base import TreeFile


def mixed(one: str, other: str) -> DataError:
    """Of a tree that tells its classes in two ways."""
    return DataError(
        f"the source mixes two formats: {one}, and {other}",
        "one way to tell the classes",
        "Ingest a part of it, or say with --format by which to read it",
    )


def two_ways(one: str, table: TreeFile, said: str = "") -> DataError:
    """Of folders beside a table, with the class that it says of a photo."""
    told = f" says '{said}'" if said else ""
    return DataError(
        f"the source mixes two formats: {one}, and {table.path}{told}",
        "one way to tell the classes",
        "Say --format folder to read the folders, or pass the table itself as the source",
    )
