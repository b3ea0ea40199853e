"""`sortline report`, on a store in memory."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from infra.commands import report as reports
from infra.commands.report import report
from infra.summary import of_report
from ray_jobs.contract import keys
from ray_jobs.contract.errors import SpecError
from ray_jobs.storage import write_document
from tasks.judging import champion
from tests.fakes import InMemoryStore
from tests.infra.store_alone import StoreAlone
from tests.tasks.documents import evaluation, registration, scores, spec, verdict


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
    write_document(store, spec(run_id), keys.run(run_id, "spec.json"))
    write_document(store, known, keys.run(run_id, "registration.json"))
    write_document(store, known, keys.model_version("sample", version))
    write_document(store, verdict(run_id), keys.run(run_id, "verdict.json"))
    store.put(keys.judged(run_id, "report.html"), f"<p>{run_id} 可回收物".encode())


def appoint(store: InMemoryStore, version: int, run_id: str) -> None:
    to = champion.move(version, run_id, by="test", at=datetime(2026, 1, 1, tzinfo=UTC))
    champion.appoint(store, "sample", to)


def summary_of(fetched: dict[str, Any]) -> str:
    console = Console(width=200)
    with console.capture() as shown:
        console.print(of_report(fetched))
    return shown.get()


def test_the_newest_judged_run_is_fetched_where_none_is_named(session):
    fetched = report(session, None, name=None, opened=False)
    assert (fetched["run_id"], fetched["version"]) == ("bbb", 10)  # 10 is after 9, not before
    assert (fetched["verdict"], fetched["reasons"]) == ("promoted", ["because"])
    assert fetched["page"] == registration().run_url
    assert Path(fetched["report"]).read_text(encoding="utf-8") == "<p>bbb 可回收物"


def test_a_version_that_cannot_be_read_is_told_and_hides_no_other(session):
    put_run(session.objects, "ddd", 12)
    session.objects.put(keys.model_version("sample", 12), b"{}")
    assert report(session, None, name=None, opened=False)["run_id"] == "bbb"
    assert "version 12 of sample is left out: " in session.told
    assert "versions/12.json" in session.told
    with pytest.raises(SpecError, match="there is no run 'zzz'; expected one of bbb, aaa"):
        report(session, "zzz", name=None, opened=False)


def test_a_named_run_is_fetched_without_asking_for_its_data_set(session):
    assert report(session, "aaa", name=None, opened=False)["version"] == 9


def test_the_file_is_for_its_owner_alone(session):
    path = Path(report(session, "aaa", name=None, opened=False)["report"])
    assert path == session.stack.home / "reports" / "aaa.html"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_named_run_of_another_model_than_the_named_one_is_refused(session):
    with pytest.raises(SpecError, match=r"run 'aaa' is of model 'sample'; expected .*'glass'"):
        report(session, "aaa", name="glass", opened=False)
    assert report(session, "aaa", name="sample", opened=False)["version"] == 9


@pytest.mark.parametrize("run_id", ["zzz", ""])
def test_an_unknown_run_is_told_with_the_newest_that_have_a_report(session, run_id):
    with pytest.raises(SpecError, match=f"there is no run '{run_id}'; expected one of bbb, aaa"):
        report(session, run_id, name=None, opened=False)


def test_a_run_that_is_not_judged_yet_is_told_so(session):
    session.objects.delete([keys.run("ccc", "verdict.json")])
    with pytest.raises(SpecError, match=r"run 'ccc' has no report yet.*clear what failed"):
        report(session, "ccc", name=None, opened=False)


def test_a_run_that_is_not_registered_yet_is_told_so(session):
    write_document(session.objects, spec("ddd"), keys.run("ddd", "spec.json"))
    with pytest.raises(SpecError, match="run 'ddd' has no report yet"):
        report(session, "ddd", name=None, opened=False)


def test_a_first_model_that_the_gate_refused_is_told_from_one_that_is_not_judged(session):
    session.objects.delete([keys.run("ccc", "verdict.json")])
    alone = evaluation(scores(20, run_id="ccc"))
    write_document(session.objects, alone, keys.judged("ccc", "evaluation.json"))
    refused = r"without a champion .* no verdict.*`gate`.*promote 11 --reason TEXT --name sample"
    with pytest.raises(SpecError, match=refused):
        report(session, "ccc", name=None, opened=False)


def test_a_model_without_a_judged_run_is_told(session):
    other = registration("eee").model_copy(update={"model": "other"})
    write_document(session.objects, other, keys.model_version("other", 1))
    with pytest.raises(SpecError, match=r"no run of 'other' has a report.*sortline retrain"):
        report(session, None, name="other", opened=False)


def test_open_hands_the_file_to_the_browser(session, monkeypatch):
    handed: list[str] = []
    monkeypatch.setattr(reports.webbrowser, "open", lambda address: handed.append(address) or True)
    path = Path(report(session, "aaa", name=None, opened=True)["report"])
    assert handed == [path.as_uri()]


def test_a_promoted_version_is_told_from_the_champion_of_now(session):
    appoint(session.objects, 9, "aaa")
    assert "champion now  this version" in summary_of(
        report(session, "aaa", name=None, opened=False)
    )
    appoint(session.objects, 10, "bbb")
    fetched = report(session, "aaa", name=None, opened=False)
    assert (fetched["verdict"], fetched["champion"]) == ("promoted", 10)
    assert "champion now  version 10" in summary_of(fetched)


def test_where_there_is_no_champion_the_summary_says_so(session):
    fetched = report(session, "aaa", name=None, opened=False)
    assert fetched["champion"] is None
    assert "champion now  none" in summary_of(fetched)


def test_the_summary_says_verdict_file_and_page(session):
    shown = summary_of(report(session, "aaa", name=None, opened=False))
    assert "PROMOTED" in shown
    assert "aaa.html" in shown
    assert registration().run_url in shown
