"""Three quick faults on the session's stack, with a data set of the training's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.local.stack import Stack
from tests.e2e.faults import ownership
from tests.e2e.faults.scene import Scene
from tests.e2e.faults.table import FaultTable
from tests.e2e.training_lab import write_dataset

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def scene(stack: Stack) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment().items():
            patch.setenv(name, value)
        store = stack.settings().store("admin")
        write_dataset(store)
        yield Scene(stack, store, FaultTable(), "noise", "v1")


def test_a_mark_while_deferred_stops_the_job(scene: Scene):
    ownership.mark_while_deferred(scene, "failed", seed=101)


def test_a_clear_while_deferred_keeps_the_job(scene: Scene):
    ownership.clear_while_deferred(scene, seed=102)


def test_a_clear_while_the_triggerer_is_dead_keeps_the_job(scene: Scene):
    ownership.clear_while_the_triggerer_is_dead(scene, seed=103)
