"""Which kind of archive a file is, told by its content."""

from __future__ import annotations

from pathlib import Path

from ray_jobs.contract.errors import SpecError
from tasks.sources.trees.tarred import TarTree, is_tar_header
from tasks.sources.trees.unpacking import is_packed
from tasks.sources.trees.zipped import ZipTree

# Empty archives begin with the second, spanned ones with the third.
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def open_archive(path: Path, stamp: str, name: str) -> ZipTree | TarTree:
    """The files of an archive.

    Args:
      path: where it lies on this machine.
      stamp: changes when its bytes may have changed.
      name: what the user calls it.

    Raises:
      SpecError: it is no archive, or cannot be read.
    """
    try:
        head = _head(path)
    except OSError as error:
        raise SpecError(
            f"'{name}' cannot be read: {error.strerror or error}",
            "a file that this process may read",
            "Correct the path, or the file's permissions",
        ) from error
    if head.startswith(_ZIP):
        return ZipTree(path, stamp)
    if is_packed(path) or is_tar_header(head):
        return TarTree(path, stamp)
    raise SpecError(
        f"the source '{name}' is a file, and no archive",
        "a folder, a .zip, a .tar(.gz), or a table: .csv, .tsv or .jsonl",
        "Pass the folder, or pack it",
    )


def _head(path: Path) -> bytes:
    if not path.is_file():  # to open a pipe would wait for ever
        raise OSError("it is no regular file")
    with path.open("rb") as file:
        return file.read(512)


def local_stamp(path: Path) -> str:
    """What changes when a file of this machine may have changed."""
    now = path.stat()
    return f"{now.st_size}:{now.st_mtime_ns}:{now.st_ctime_ns}"
