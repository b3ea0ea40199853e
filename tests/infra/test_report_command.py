"""`sortline report`, on a store in memory."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from rich.console import Console

from infra.commands import report as reports
from infra.commands.report import report
from infra.summary import of_report
from ray_jobs.contract import keys
from ray_jobs.contract.errors import SpecError
from ray_jobs.storage import write_document
from tests.fakes import InMemoryStore
from tests.infra.store_alone import StoreAlone
from tests.tasks.documents import registration, verdict


@pytest.fixture
def session(tmp_path: Path) -> StoreAlone:
    session = StoreAlone.open(tmp_path / "home")
    for version, run_id in enumerate(("aaa", "bbb", "ccc"), start=9):
        put_run(session.objects, run_id, version)
    session.objects.delete(
        [keys.judged("ccc", "report.html")]
    )  # trained and registered, not judged yet
    return session


def put_run(store: InMemoryStore, run_id: str, version: int) -> None:
    known = registration(run_id).model_copy(update={"model_version": version})
    write_document(store, known, keys.run(run_id, "registration.json"))
    write_document(store, known, keys.model_version("sample", version))
    write_document(store, verdict(run_id), keys.run(run_id, "verdict.json"))
    store.put(keys.judged(run_id, "report.html"), f"<p>{run_id} 可回收物".encode())


def test_the_newest_judged_run_is_fetched_where_none_is_named(session):
    fetched = report(session, None, name=None, opened=False)
    assert (fetched["run_id"], fetched["version"]) == ("bbb", 10)  # 10 is after 9, not before
    assert (fetched["verdict"], fetched["reasons"]) == ("promoted", ["because"])
    assert fetched["page"] == registration().run_url
    assert Path(fetched["report"]).read_text(encoding="utf-8") == "<p>bbb 可回收物"


def test_a_named_run_is_fetched_without_asking_for_its_data_set(session):
    assert report(session, "aaa", name=None, opened=False)["version"] == 9


def test_the_file_is_for_its_owner_alone(session):
    path = Path(report(session, "aaa", name=None, opened=False)["report"])
    assert path == session.stack.home / "reports" / "aaa.html"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("run_id", ["zzz", "ccc"])
def test_a_run_without_a_report_is_refused_with_the_newest_that_have_one(session, run_id):
    with pytest.raises(SpecError, match=f"run '{run_id}' has no report; expected one of bbb, aaa"):
        report(session, run_id, name="sample", opened=False)


def test_a_data_set_without_a_judged_run_is_told(session):
    with pytest.raises(SpecError, match=r"no run of this data set has a report.*sortline retrain"):
        report(session, None, name="other", opened=False)


def test_open_hands_the_file_to_the_browser(session, monkeypatch):
    handed: list[str] = []
    monkeypatch.setattr(reports.webbrowser, "open", lambda address: handed.append(address) or True)
    path = Path(report(session, "aaa", name=None, opened=True)["report"])
    assert handed == [path.as_uri()]


def test_the_summary_says_verdict_file_and_page(session):
    console = Console(width=200, record=True, quiet=True)
    console.quiet = False
    with console.capture() as shown:
        console.print(of_report(report(session, "aaa", name=None, opened=False)))
    assert "PROMOTED" in shown.get()
    assert "aaa.html" in shown.get()
    assert registration().run_url in shown.get()
