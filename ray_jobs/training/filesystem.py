"""The object store as Ray Train's checkpoints see it: S3 without directories.

pyarrow's `create_dir` asks whether the bucket exists, which SeaweedFS answers only to who may
read all of it: training may not (invariant 1). It also leaves an empty object a directory. S3
needs neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs


def filesystem(env: Mapping[str, str]) -> fs.PyFileSystem:
    """The object store that AWS_ENDPOINT_URL names.

    Credentials are left to the AWS files of whoever uses it: it crosses to the workers pickled.
    """
    endpoint = urlsplit(env.get("AWS_ENDPOINT_URL", ""))
    if not endpoint.netloc:
        return fs.PyFileSystem(FlatStore(fs.S3FileSystem()))
    store = fs.S3FileSystem(
        endpoint_override=endpoint.netloc,
        scheme=endpoint.scheme,
        region=env.get("AWS_DEFAULT_REGION", "us-east-1"),
    )
    return fs.PyFileSystem(FlatStore(store))


class FlatStore(fs.FileSystemHandler):  # pyright: ignore[reportUntypedBaseClass] - no stubs
    """Hands every call on to an S3 file system, but those that make a directory."""

    def __init__(self, store: fs.S3FileSystem) -> None:
        self._store = store

    def get_type_name(self) -> str:
        """As S3's own: Ray asks by it whether the store is shared."""
        return self._store.type_name

    def normalize_path(self, path: str) -> str:
        """The path as S3 writes it."""
        return self._store.normalize_path(path)

    def create_dir(self, path: str, recursive: bool) -> None:
        """Nothing: a key needs no directory above it."""

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        """What lies at each path."""
        return self._store.get_file_info(paths)

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        """What lies below a path."""
        return self._store.get_file_info(selector)

    def delete_dir(self, path: str) -> None:
        """Delete what lies below a path."""
        self._store.delete_dir(path)

    def delete_dir_contents(self, path: str, missing_dir_ok: bool) -> None:
        """Delete what lies below a path."""
        self._store.delete_dir_contents(path, missing_dir_ok=missing_dir_ok)

    def delete_root_dir_contents(self) -> None:
        """Refused: nobody means to empty every bucket."""
        raise PermissionError("the root of the object store is not to be emptied")

    def delete_file(self, path: str) -> None:
        """Delete one object."""
        self._store.delete_file(path)

    def move(self, src: str, dest: str) -> None:
        """Copy one object and delete the first."""
        self._store.move(src, dest)

    def copy_file(self, src: str, dest: str) -> None:
        """Copy one object."""
        self._store.copy_file(src, dest)

    def open_input_stream(self, path: str) -> pa.NativeFile:
        """Read one object from start to end."""
        return self._store.open_input_stream(path)

    def open_input_file(self, path: str) -> pa.NativeFile:
        """Read one object anywhere."""
        return self._store.open_input_file(path)

    def open_output_stream(self, path: str, metadata: Mapping[str, str] | None) -> pa.NativeFile:
        """Write one object."""
        return self._store.open_output_stream(path, metadata=metadata)

    def open_append_stream(self, path: str, metadata: Mapping[str, str] | None) -> pa.NativeFile:
        """Refused, as by S3: an object is written whole."""
        return self._store.open_append_stream(path, metadata=metadata)

    def __eq__(self, other: object) -> bool:
        """Equal where the stores are."""
        return isinstance(other, FlatStore) and self._store == other._store

    __hash__ = None  # pyright: ignore[reportAssignmentType] - as the store it wraps
