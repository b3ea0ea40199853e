"""The folders of a home: whose they are, and how long their names may be."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.local import locks
from infra.local.home import Home, using, write_private
from infra.local.stack import Stack
from infra.local.state import StackState, read_state, write_state
from ray_jobs.contract.errors import ClusterError, SpecError


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    yield made
    made.remove_short_run()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_folder_is_for_its_owner_alone_whatever_the_umask(home: Home):
    before = os.umask(0)
    try:
        home.make()
    finally:
        os.umask(before)

    folders = [home.root, home.secrets, home.logs, home.run, home.scratch]
    assert {mode(folder) for folder in folders} == {0o700}


def test_making_it_again_changes_nothing(home: Home):
    home.make()
    home.make()

    assert home.short_run.readlink() == home.run


def test_a_socket_of_a_deep_home_has_a_short_path(tmp_path: Path):
    deep = Home(tmp_path / ("deep" * 40))

    assert len(os.fsencode(deep.supervisor_socket)) < 60


def test_two_homes_share_neither_mark_nor_short_name(tmp_path: Path):
    one, two = Home(tmp_path / "a"), Home(tmp_path / "b")

    assert one.stack_id != two.stack_id
    assert one.short_run != two.short_run


def test_a_short_name_that_leads_elsewhere_is_refused(home: Home, tmp_path: Path):
    home.short_run.symlink_to(tmp_path)

    with pytest.raises(ClusterError, match=r"is not ours.*expected a link.*--home"):
        home.make()


@pytest.mark.parametrize(
    ("make", "remove"),
    [(Path.touch, Path.unlink), (Path.mkdir, Path.rmdir)],
    ids=["file", "folder"],
)
def test_a_short_name_that_is_no_link_is_refused_and_stays(
    home: Home, make: Callable[[Path], None], remove: Callable[[Path], None]
):
    make(home.short_run)
    try:
        with pytest.raises(ClusterError, match=r"is not ours.*expected a link.*--home"):
            home.make()
    finally:
        remove(home.short_run)


def test_a_private_file_is_so_from_its_first_byte(tmp_path: Path):
    path = tmp_path / "secret"
    path.write_text("before")
    path.chmod(0o644)

    write_private(path, "after")

    assert path.read_text() == "after"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_several_write_the_same_private_file_at_once_and_it_is_whole(tmp_path: Path):
    path, texts = tmp_path / "report.html", [f"{letter * 10_000}\n" for letter in "abcdefgh"]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_private(path, text), texts * 8))

    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_the_state_is_read_back_as_it_was_written(home: Home):
    state = StackState(ports={"s3": 8433}, code_version="abc")
    home.make()

    assert read_state(home) == StackState()
    write_state(home, state)
    assert read_state(home) == state
    assert mode(home.state_file) == 0o600


def test_a_damaged_state_says_what_to_do(home: Home):
    home.make()
    home.state_file.write_text('{"portz": {}}')

    with pytest.raises(ClusterError, match=r"stack.json cannot be read.*sortline down"):
        read_state(home)


USES: dict[str, Callable[[Stack], object]] = {
    "up": lambda stack: stack.up(silent),
    "down": lambda stack: stack.down(silent),
    "status": Stack.status,
    "is_up": Stack.is_up,
    "require_healthy": Stack.require_healthy,
    "settings": Stack.settings,
    "environment": Stack.environment,
    "airflow_login": Stack.airflow_login,
    "mlflow_login": Stack.mlflow_login,
    "airflow_url": lambda stack: stack.airflow_url,
}


def silent(_: str) -> None:
    """Report to nobody."""


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_home_that_is_a_file_is_the_users_to_correct(
    tmp_path: Path, use: Callable[[Stack], object], name: str
):
    (tmp_path / "file").write_text("not a folder")
    stack = Stack.at(tmp_path / name, {})

    with pytest.raises(SpecError, match=rf"{name} cannot be used: .*expected a folder.*--home"):
        use(stack)

    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.mark.parametrize("use", [USES["up"], USES["down"]], ids=["up", "down"])
def test_a_home_that_may_not_be_written_is_the_users_to_correct(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[Stack], object]
):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    # The file system refuses nothing to root, who may run the tests.
    monkeypatch.setattr(Path, "chmod", refuse)
    monkeypatch.setattr(locks, "_open", refuse)

    with pytest.raises(SpecError, match=r"cannot be used: Permission denied.*may write to"):
        use(Stack.at(tmp_path, {}))


def test_a_full_disk_is_not_a_wrong_home(tmp_path: Path):
    full = OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"), using(Home(tmp_path)):
        raise full
