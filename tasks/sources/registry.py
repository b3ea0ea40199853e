"""From an address to a source."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ray_jobs.contract.errors import SpecError, closest
from ray_jobs.storage import split_uri
from tasks.sources.address import EXPECTED, Address, Place, is_here, parse
from tasks.sources.base import Source
from tasks.sources.fetching.fetch import check_size, fetch
from tasks.sources.fetching.remote import Remote
from tasks.sources.fetching.stored import StoredFile
from tasks.sources.fetching.web import WebFile
from tasks.sources.formats import FORMATS, SAMPLE_FORMAT
from tasks.sources.layouts.kinds import Layout, table_layout
from tasks.sources.sample import SampleSource
from tasks.sources.tree_source import Reading, TreeSource
from tasks.sources.trees.archive import local_stamp, open_archive
from tasks.sources.trees.base import Tree
from tasks.sources.trees.bucket import Bucket, BucketTree
from tasks.sources.trees.local import LocalTree

Buckets = Callable[[str], Bucket]
"""Opens a bucket by its name, as whoever runs the ingest may read it."""


class Opened(NamedTuple):
    """How a tree is opened, how it is looked at before, and how it is read.

    To look at a folder of this machine is to read it, but for the photos: `look` is None.
    """

    tree: Callable[[], Tree]
    look: Callable[[], None] | None
    how: Reading


def open_source(
    uri: str, format: str = "auto", *, keep_test: bool = False, buckets: Buckets | None = None
) -> Source:
    """The source at an address; nothing of it is read yet.

    Args:
      uri: `sample:`, the path of a folder, an archive or a table, `s3://`, `http://`, `https://`.
      format: one of `tasks.sources.formats.FORMATS`; `auto` looks and decides.
      keep_test: honour the source's own test split.
      buckets: opens the bucket of an `s3://` address.

    Raises:
      SpecError: it is no address, or nothing of this machine that can be read.
    """
    if format not in FORMATS:
        raise SpecError(
            f"'{format}' is not a source format", "a known format", closest(format, FORMATS)
        )
    address = parse(uri)
    if address.place is Place.SAMPLE or format == SAMPLE_FORMAT:
        return _sample(address, format, keep_test=keep_test)
    how = Reading(None if format == "auto" else Layout(format), keep_test)
    return TreeSource(address, *_OPENERS[address.place](address, how, buckets))


def _sample(address: Address, format: str, *, keep_test: bool) -> Source:
    if address.place is not Place.SAMPLE or format not in {"auto", SAMPLE_FORMAT}:
        raise SpecError(
            f"'{address.public}' is not of the format '{format}'",
            "the format 'sample' for sample: alone",
            "Leave the format at auto",
        )
    if keep_test:
        raise SpecError("sample: has no test split", "a source that has one", "Leave it out")
    return SampleSource()


def _open_local(address: Address, how: Reading, buckets: Buckets | None) -> Opened:
    path = address.path
    if not address.uri or not is_here(address.uri):
        raise SpecError(
            f"the source '{address.public}' does not exist on the machine where the ingest runs",
            EXPECTED,
            "Correct the path; photos of another machine are read from s3:// and http(s):// alone",
        )
    if path.is_dir():
        return Opened(partial(LocalTree, path), None, how)
    if table_layout(path.name):
        return Opened(partial(LocalTree, path.parent), None, _named(how, path.name))
    archive = open_archive(path, local_stamp(path), path.name)
    return Opened(lambda: archive, archive.check, how)


def _open_web(address: Address, how: Reading, buckets: Buckets | None) -> Opened:
    if table_layout(address.public):
        raise SpecError(
            f"{address.public} is a table alone",
            "an archive with the table and its photos",
            "Pack both into one .zip, or put both below an s3:// prefix",
        )
    remote = WebFile(address)
    return Opened(partial(_fetched, remote, address.sha256), partial(_looked_at, remote), how)


def _open_bucket(address: Address, how: Reading, buckets: Buckets | None) -> Opened:
    name, key = split_uri(address.uri)
    if buckets is None:  # on the command line: whoever runs the ingest looks
        return Opened(_no_tree, lambda: None, how)
    bucket = buckets(name)
    table = key.rpartition("/")[2] if table_layout(key) else None
    if table is not None:
        tree = BucketTree(bucket, key.rpartition("/")[0])
        return Opened(lambda: tree, tree.check, _named(how, table))
    return Opened(partial(_stored, bucket, key), partial(_look_in, bucket, key), how)


_OPENERS: dict[Place, Callable[[Address, Reading, Buckets | None], Opened]] = {
    Place.LOCAL: _open_local,
    Place.HTTP: _open_web,
    Place.S3: _open_bucket,
}


def _stored(bucket: Bucket, key: str) -> Tree:
    """An object at the very key is an archive; else the key is a prefix."""
    found = bucket.look(key) if key and not key.endswith("/") else None
    return BucketTree(bucket, key) if found is None else _fetched(StoredFile(bucket, found))


def _look_in(bucket: Bucket, key: str) -> None:
    found = bucket.look(key) if key and not key.endswith("/") else None
    if found is None:
        BucketTree(bucket, key).check()
    else:
        _looked_at(StoredFile(bucket, found))


def _fetched(remote: Remote, sha256: str | None = None) -> Tree:
    fetched = fetch(remote, sha256)
    return open_archive(fetched.path, fetched.stamp, remote.name)


def _looked_at(remote: Remote) -> None:
    check_size(remote.name, remote.look())


def _no_tree() -> Tree:
    raise SpecError("no bucket can be opened here", "the ingest's own task", "Run the DAG")


def _named(how: Reading, table: str) -> Reading:
    return Reading(table_layout(table), how.keep_test, table)
