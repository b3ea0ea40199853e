"""Every way out of the command line ends in one of the exit codes."""

import errno
import json
from pathlib import Path

import pytest

from infra import cli
from infra.local.parts import Part, PartStatus
from infra.options import answer
from infra.summary import of_ingest
from ray_jobs.contract.errors import ClusterError, SpecError


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path / "home")


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("infra.commands.models.models", broken)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SpecError("a fact", "an expectation", "A remedy"), 2),
        (ClusterError("a fact", "an expectation", "A remedy"), 3),
    ],
)
def test_an_error_of_ours_is_told_in_three_parts(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    home: str,
    error: Exception,
    code: int,
):
    fail_with(monkeypatch, error)
    assert cli.run(["models", "--home", home]) == code
    told = capsys.readouterr().err
    assert all(part in told for part in ("a fact", "an expectation", "A remedy"))


def test_an_internal_fault_exits_1_and_names_the_file_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: str
):
    fail_with(monkeypatch, RuntimeError("injected"))
    assert cli.run(["models", "--home", home]) == 1
    (log,) = Path(home, "logs").glob("sortline-*.log")
    assert "RuntimeError: injected" in log.read_text()
    assert log.name in capsys.readouterr().err.replace("\n", "")


@pytest.mark.parametrize("error", [RuntimeError("[/b] :cat:"), SpecError("[/b] :cat:", "x", "y")])
def test_what_looks_like_markup_is_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: str, error: Exception
):
    fail_with(monkeypatch, error)
    assert cli.run(["models", "--home", home]) in {1, 2}
    assert "[/b] :cat:" in capsys.readouterr().err


def test_an_answer_shows_names_as_they_are(capsys: pytest.CaptureFixture[str]):
    made = {"dataset": "waste", "version": "v1", "manifest": "s3://[/b]", "dag_run": "d"}
    made |= {"classes": {"[b]": 3, "[/b]": 4}, "images": {}, "splits": {}, "checks": {}}
    answer(made, of_ingest(made), as_json=False)
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("[b]", "[/b]", "s3://[/b]"))


def test_a_full_disk_is_the_platforms_fault(monkeypatch: pytest.MonkeyPatch, home: str):
    fail_with(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    assert cli.run(["models", "--home", home]) == 3


def test_ctrl_c_exits_130(monkeypatch: pytest.MonkeyPatch, home: str):
    fail_with(monkeypatch, KeyboardInterrupt())
    assert cli.run(["models", "--home", home]) == 130


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["promote", "2"], ["retrain", "--wrong"], ["rollback", "latest"], ["predict"]],
)
def test_a_wrong_call_exits_2(arguments: list[str], home: str):
    assert cli.run(arguments) == 2


@pytest.mark.parametrize("name", [(), ("--name", "sample")])
@pytest.mark.parametrize(
    "arguments",
    [["models"], ["promote", "2", "--reason", "a try"], ["rollback"], ["report"], ["report", "ab"]],
)
def test_a_home_that_was_never_started_is_told_so(
    arguments: list[str], name: tuple[str, ...], home: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.run([*arguments, *name, "--home", home]) == 3
    told = " ".join(capsys.readouterr().err.split())
    assert f"the stack in {home} is not up: it was never started" in told
    assert "sortline up" in told
    assert not Path(home).exists()


def test_the_status_of_parts_that_are_down_says_why_and_where_to_look(
    home: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.run(["status", "--home", home]) == 3
    told = "".join(capsys.readouterr().out.split())
    assert "nosupervisorrunsmlflow" in told
    assert f"{home}/logs/mlflow.log" in told

    assert cli.run(["status", "--json", "--home", home]) == 3
    (mlflow, *_) = json.loads(capsys.readouterr().out)["parts"]
    assert mlflow == {
        "name": "mlflow",
        "address": "",
        "healthy": False,
        "external": False,
        "reason": "no supervisor runs mlflow",
        "log": f"{home}/logs/mlflow.log",
    }


def test_the_status_of_a_stack_that_is_up_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: str
):
    well = {"address": "http://127.0.0.1:1", "healthy": True, "reason": None, "log": None}
    parts = [PartStatus(name=part, external=False, **well) for part in Part]
    monkeypatch.setattr("infra.local.stack.Stack.status", lambda _: parts)
    assert cli.run(["status", "--home", home]) == 0
    assert "down" not in capsys.readouterr().out


def test_a_stack_that_is_taken_down_is_done(home: str, capsys: pytest.CaptureFixture[str]):
    assert cli.run(["down", "--home", home]) == 0
    assert "supervisor" not in capsys.readouterr().out
