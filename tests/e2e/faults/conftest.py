"""One stack for the table, its way to Ray through a proxy of ours, and an undisturbed run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.commands.ingest import Wanted, ingest
from infra.local.stack import Stack
from infra.session import Session
from tasks.settings import DATASET_VARIABLE
from tests.e2e.faults.proxy import Proxy
from tests.e2e.faults.scene import RETRAIN, Outcome, Scene, folder_of_photos, lead_through, timed
from tests.e2e.faults.table import FaultTable
from tests.e2e.faults.whole import run_undisturbed
from tests.e2e.local_stack import clean_environment

# While rows are written: a stack that is there, or is made and kept, with its undisturbed run.
HOME_VARIABLE = "SORTLINE_FAULT_HOME"


@pytest.fixture(scope="module")
def proxy(own_stack: Stack) -> Iterator[Proxy]:
    address = urlsplit(own_stack.ray_dashboard_url)
    with Proxy((address.hostname, address.port)) as way:
        lead_through(own_stack, way.url)
        yield way


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    # A fresh `up` in mid-table would take another version, and another run, for the same code.
    env = clean_environment() | {"SORTLINE_CODE_VERSION": "faults"}
    kept = os.environ.get(HOME_VARIABLE)
    home = Path(kept) if kept else tmp_path_factory.mktemp("faults") / "home"
    stack = Stack.at(home, env)
    try:
        stack.up(lambda _: None)
        yield stack
    finally:
        if not kept:
            stack.down(lambda _: None)


@pytest.fixture(scope="module")
def table_scene(
    own_stack: Stack, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    photos = folder_of_photos(tmp_path_factory.mktemp("photos") / "faults")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in own_stack.environment().items():
            patch.setenv(name, value)
        scene = Scene(own_stack, own_stack.settings().store("admin"), FaultTable(), "faults")
        known = own_stack.home / "undisturbed.json"
        if not known.exists():
            _ingest(scene, photos)
            run_undisturbed(scene)  # promotes, and warms up
            outcome, seconds = timed(lambda: run_undisturbed(scene))
            known.write_text(json.dumps([asdict(outcome), seconds]))
        outcome, scene.undisturbed_s = json.loads(known.read_text())
        scene.undisturbed = Outcome(**outcome | {"losses": tuple(outcome["losses"])})
        scene.table.say(f"undisturbed: {scene.undisturbed_s:.0f} s, {scene.undisturbed.told}")
        yield scene


def _ingest(scene: Scene, photos: Path) -> None:
    api = scene.airflow
    api.set_variable(DATASET_VARIABLE, "none-of-these")  # no run but those that are ordered
    ingest(Session.open(scene.stack.home), Wanted(str(photos), "faults"))
    for dag_run in api.active_runs(RETRAIN):
        scene.end_of(dag_run, 60)


@pytest.fixture
def scene(table_scene: Scene) -> Iterator[Scene]:
    yield table_scene
    table_scene.heal()
