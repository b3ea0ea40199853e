"""Documents in the store: checked as they are read, written once."""

from __future__ import annotations

from typing import TypeVar

from ray_jobs.contract.document import Document
from ray_jobs.storage.store import Store

D = TypeVar("D", bound=Document)


def read_document(store: Store, kind: type[D], key: str) -> D:
    """Read and check one document. Raises MissingObjectError, SpecError."""
    return kind.from_json(store.get(key), origin=store.uri(key))


def find_document(store: Store, kind: type[D], key: str) -> D | None:
    """Read one document, or None where it was not written."""
    found = store.get_tagged(key)
    return None if found is None else kind.from_json(found.data, origin=store.uri(key))


def write_document(store: Store, document: Document, key: str) -> bool:
    """Write one document once; False where it is there already."""
    return store.put_once(key, document.to_json())
