"""The object store as both sides use it: S3 through boto3, with conditional writes.

Rules (invariant 2): objects are content-addressed or written once, pointers move by If-Match.
`put` is for what is neither: a progress report, a training's journal, a staged table.
"""

from ray_jobs.storage.connection import connect, split_uri
from ray_jobs.storage.content import fetch, fetch_content, fetch_to, keep_at, put_content
from ray_jobs.storage.documents import find_document, read_document, write_document
from ray_jobs.storage.s3 import ObjectStore, content_type
from ray_jobs.storage.store import Listed, MissingObjectError, Store, Tagged

__all__ = [
    "Listed",
    "MissingObjectError",
    "ObjectStore",
    "Store",
    "Tagged",
    "connect",
    "content_type",
    "fetch",
    "fetch_content",
    "fetch_to",
    "find_document",
    "keep_at",
    "put_content",
    "read_document",
    "split_uri",
    "write_document",
]
