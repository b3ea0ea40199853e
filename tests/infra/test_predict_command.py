"""Which export `sortline predict` takes, and what it says where there is none."""

from pathlib import Path

import pytest

from infra.commands.predict import fetch_export, published_export
from ray_jobs.contract import keys
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.export import Export, ExportFormat
from ray_jobs.storage import put_content
from tests.fakes import InMemoryStore
from tests.tasks import documents


def store_with(falls_short: ExportFormat) -> InMemoryStore:
    store = InMemoryStore()
    documents.write_run(store)
    verification = documents.verification(falls_short=falls_short)
    store.put(keys.run("abc", "verification.json"), verification.to_json())
    return store


@pytest.mark.parametrize("kind", [ExportFormat.SAVED_MODEL, ExportFormat.LITERT])
def test_an_export_at_parity_is_taken(kind):
    assert published_export(store_with(ExportFormat.ONNX), "abc", kind).format is kind


def test_one_that_falls_short_is_refused_with_its_figures_and_the_published_ones():
    with pytest.raises(SpecError, match=r"no 'onnx': agrees on 30 of 44 .*: savedmodel, litert\."):
        published_export(store_with(ExportFormat.ONNX), "abc", ExportFormat.ONNX)


def test_one_that_could_not_be_made_is_refused_with_the_reason():
    store = store_with(ExportFormat.LITERT)
    made = documents.exports().model_copy(update={"refused": {ExportFormat.LITERT: "no Digamma"}})
    store.put(keys.run("abc", "exports.json"), made.to_json())
    with pytest.raises(SpecError, match="published no 'litert': no Digamma"):
        published_export(store, "abc", ExportFormat.LITERT)


def test_only_what_is_damaged_in_the_cache_is_fetched_again(tmp_path: Path):
    store = InMemoryStore()
    names = ("model.onnx", "labels.json")
    files = tuple(put_content(store, f"e/{name}", name.encode()) for name in names)
    export = Export(format=ExportFormat.ONNX, prefix="e/", entry="model.onnx", files=files)
    fetch_export(store, export, tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"model.onn")
    store.delete(["e/labels.json"])
    fetch_export(store, export, tmp_path)
    assert [(tmp_path / name).read_bytes() for name in names] == [b"model.onnx", b"labels.json"]
