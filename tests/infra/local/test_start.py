"""A start that cannot succeed: seen at once, said in three parts, nothing left behind."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest

from infra.local import settle as settling
from infra.local import start, wait
from infra.local.home import Home
from infra.local.locks import exclusive, port_claims
from infra.local.parts import Part
from infra.local.plan import Plan
from infra.local.ports import DEFAULT_PORTS, choose
from infra.local.sockets import is_loopback, remove_socket_files
from infra.local.stack import Stack
from infra.local.state import StackState, write_state
from infra.local.supervisor import ProcessState
from infra.local.wait import last_words, wait_until_healthy
from ray_jobs.contract.errors import ClusterError, SpecError


def silent(_: str) -> None:
    """Report to nobody."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    made.make()
    yield made
    made.remove_short_run()


class Disk(NamedTuple):
    free: int


def test_a_full_disk_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(free=1_900_000_000))
    stack = Stack.at(tmp_path / "home", {})

    with pytest.raises(ClusterError, match=r"1.9 GB are free.*expected at least 2.0 GB.*Make room"):
        stack.up(silent)

    assert list(tmp_path.iterdir()) == []


def test_enough_disk_is_enough(home: Home):
    settling.check_home(home, least_free_bytes=1)


@pytest.mark.parametrize("name", ["a%b", "a;b", 'a"b', "a#b"])
def test_a_home_that_a_part_would_misread_is_refused(tmp_path: Path, name: str):
    with pytest.raises(SpecError, match=r"in its path.*expected a path without.*--home"):
        settling.check_home(Home(tmp_path / name))


def test_making_a_stack_writes_nothing_and_status_neither(tmp_path: Path):
    stack = Stack.at(tmp_path / "home", {})

    assert not stack.is_up()
    assert stack.home.is_absolute()
    assert list(tmp_path.iterdir()) == []


def test_down_of_a_home_that_never_was_is_no_error(tmp_path: Path):
    assert not any(part.healthy for part in Stack.at(tmp_path / "home", {}).down(silent))
    assert list(tmp_path.iterdir()) == []


def test_down_works_with_a_damaged_state(home: Home):
    home.state_file.write_text("not json")
    stack = Stack.at(home.root, {})

    with pytest.raises(ClusterError, match="cannot be read"):
        stack.down(silent)

    assert not home.run.exists()


def test_the_ports_of_the_last_time_are_taken_again(home: Home):
    ports, _ = choose(DEFAULT_PORTS, lambda _: True)
    write_state(home, StackState(ports=ports | {"s3": 9999}))

    plan = settling.settle(home, {}, silent, free=lambda _: True)

    assert plan.state.ports["s3"] == 9999


def test_a_busy_port_is_told_with_its_part(home: Home):
    said: list[str] = []

    settling.settle(home, {}, said.append, free=lambda port: port != 8333)

    assert said == ["seaweedfs: port 8333 is busy, took 8433"]


def test_a_port_is_claimed_by_one_start_at_a_time(tmp_path: Path):
    code = (
        "from infra.local.locks import port_claims\n"
        "with port_claims() as claim: print(claim(31999), claim(31998))"
    )
    with port_claims() as claim:
        assert claim(31999)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )

    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize(("times", "starts"), [(1, True), (2, False)])
def test_a_given_part_that_is_slow_for_once_is_asked_again(
    home: Home, monkeypatch: pytest.MonkeyPatch, times: int, starts: bool
):
    asked: list[Part] = []

    def answer(_: Plan, part: Part) -> None:
        asked.append(part)
        if len(asked) <= times:
            raise ClusterError("it does not answer", "an answer", "Look")

    monkeypatch.setattr(start, "check_external", answer)
    with nullcontext() if starts else pytest.raises(ClusterError, match="does not answer"):
        start._check_twice(Plan(home, StackState()), Part.MLFLOW)
    assert asked == [Part.MLFLOW] * 2


def test_a_second_start_in_a_home_waits_for_the_first(home: Home):
    said: list[str] = []
    order: list[str] = []

    def second() -> None:
        with exclusive(home, said.append):
            order.append("second")

    with exclusive(home, silent):
        thread = threading.Thread(target=second)
        thread.start()
        while not said:
            pass
        order.append("first")
    thread.join()

    assert order == ["first", "second"]
    assert said == [f"waiting for another start or stop in {home.root}"]


class Supervisors:
    """A supervisord that says always the same."""

    def __init__(self, **states: str) -> None:
        self._states = states

    def processes(self) -> dict[str, ProcessState]:
        return {name: ProcessState(state, 0) for name, state in self._states.items()}


@pytest.mark.parametrize("state", ["BACKOFF", "FATAL", "EXITED"])
def test_a_part_that_ends_is_told_at_once_with_its_last_words(home: Home, state: str):
    home.log_of("ray").write_text("starting\n\nboom: port taken\n")
    supervisor = Supervisors(ray=state)

    with pytest.raises(ClusterError, match=r"ray does not stay up.*boom: port taken.*ray\.log"):
        wait_until_healthy(Plan(home, StackState()), supervisor, silent, 0.0)  # pyright: ignore[reportArgumentType]


def test_a_part_that_never_answers_is_named_at_the_limit(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(wait, "TIME_LIMIT_S", -1.0)
    supervisor = Supervisors(mlflow="RUNNING")

    with pytest.raises(ClusterError, match=r"mlflow is not healthy after.*mlflow\.log"):
        wait_until_healthy(Plan(home, StackState()), supervisor, silent, 0.0)  # pyright: ignore[reportArgumentType]


def test_a_supervisor_that_ends_is_told(home: Home):
    with pytest.raises(ClusterError, match="supervisord has ended"):
        wait_until_healthy(Plan(home, StackState()), Supervisors(), silent, 0.0)  # pyright: ignore[reportArgumentType]


def test_last_words_are_the_last_lines_that_say_something(tmp_path: Path):
    log = tmp_path / "log"
    assert last_words(log) == "its log is empty"
    log.write_text("a\nb\n\n c \nd\n\n")

    assert last_words(log) == "b | c | d"


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("::", False), ("::ffff:10.0.0.1", False)],
)
def test_loopback_is_told_from_the_rest(address: str, loopback: bool):
    assert is_loopback(address) is loopback


def test_only_socket_files_of_our_ports_are_removed():
    ours, other = (Path(f"/tmp/seaweedfs-test-grpc-{port}.sock") for port in (31997, 31996))
    plain = Path("/tmp/seaweedfs-text-grpc-31997.sock")
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as two:
        one.bind(str(ours))
        two.bind(str(other))
        plain.write_text("no socket")
        try:
            remove_socket_files({"s3_grpc": 31997})
            assert (ours.exists(), other.exists(), plain.exists()) == (False, True, True)
        finally:
            for path in (ours, other, plain):
                path.unlink(missing_ok=True)
