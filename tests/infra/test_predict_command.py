"""Which export `sortline predict` takes, what it says where there is none, and how it answers."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from infra.commands.predict import fetch_export, predict, published_export
from infra.options import answer
from infra.summary import of_predictions
from ray_jobs.contract import keys
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.export import Export, ExportFormat
from ray_jobs.storage import put_content, write_document
from tests.fakes import InMemoryStore
from tests.infra.store_alone import StoreAlone
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


def test_of_a_misspelt_model_those_that_there_are_are_named(tmp_path: Path):
    session = StoreAlone.open(tmp_path)
    write_document(session.objects, documents.registration(), keys.model_version("sample", 2))
    with pytest.raises(SpecError, match=r"no model 'sampel'; expected one of: sample\."):
        predict(session, name="sampel", images=["x.jpg"], kind=ExportFormat.ONNX, top=1)


ODD = "a\u2028b\n\x1b[2J\udce9.jpg"
TOLD = {"images": [{"image": ODD, "error": "0 bytes"}], "skipped": 3}


def shown(told) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(of_predictions(told))
    return console.file.getvalue()


def test_a_person_is_shown_a_name_that_cannot_order_the_terminal_about():
    assert r"a\u2028b\n\x1b[2J\udce9.jpg" in shown(TOLD)
    assert "other files skipped: 3" in shown(TOLD)
    assert "skipped" not in shown({**TOLD, "skipped": 0})


def test_a_program_gets_any_name_on_one_line(capsys: pytest.CaptureFixture[str]):
    answer(TOLD, "", as_json=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == TOLD
