"""The real stack, in a home of its own, on ports that are free; taken down at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.stack import Stack
from tests.e2e.local_stack import DEEP, STRAY, Running, clean_environment, occupied


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The session's stack, with what it reported."""
    home = tmp_path_factory.mktemp("stack") / DEEP / ".sortline"
    stack = Stack.at(home, clean_environment() | STRAY)
    said: list[str] = []
    try:
        with occupied() as ports:
            stack.up(said.append)
        yield Running(stack, said, ports)
    finally:
        stack.down(said.append)


@pytest.fixture(scope="session")
def stack(running: Running) -> Stack:
    """The session's stack, up."""
    return running.stack


@pytest.fixture
def own_home(tmp_path: Path) -> Iterator[Path]:
    """A home whose stack is taken down, whatever the test did to it."""
    home = tmp_path / "home"
    yield home
    Stack.at(home, clean_environment()).down(lambda _: None)
