"""The main job on the real stack, through the scheduler; read back from every part."""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from infra.airflow_api import AirflowApi
from infra.local.home import Home
from infra.local.parts import Part
from infra.local.stack import Stack
from infra.local.supervisor import Supervisor
from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.evaluation import EvaluationResult
from ray_jobs.contract.export import ExportFormat, VerificationResult
from ray_jobs.contract.verdict import Decision, Verdict
from ray_jobs.storage import ObjectStore, read_document, split_uri
from tasks.settings import TRAINING_POOL
from tasks.sources.sample import SampleSource
from tests.e2e.sortline import command, environment, sortline, succeed
from tests.e2e.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

DATASET = "sample"


@pytest.fixture(scope="module")
def home(stack: Stack) -> Path:
    return stack.home


@pytest.fixture(scope="module")
def store(stack: Stack, monkeypatch_module: pytest.MonkeyPatch) -> ObjectStore:
    for name, value in stack.environment().items():
        monkeypatch_module.setenv(name, value)
    return stack.settings().store("admin")


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def airflow(stack: Stack) -> AirflowApi:
    return AirflowApi(stack.airflow_url, stack.airflow_login())


@pytest.fixture(scope="module")
def first(home: Path) -> dict[str, Any]:
    """The demo on a clean state."""
    return succeed(home, "demo")


def ray_jobs(stack: Stack) -> dict[str, str]:
    """Status of every Ray job, by submission id."""
    token = stack.ray_token_file.read_text().strip()
    answer = httpx.get(
        f"{stack.ray_dashboard_url}/api/jobs/",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=60,
    )
    return {job["submission_id"]: job["status"] for job in answer.json() if job["submission_id"]}


def champion(store: ObjectStore) -> ChampionPointer:
    return read_document(store, ChampionPointer, keys.champion(DATASET))


def test_the_answer_has_the_keys_that_others_rely_on(first: dict[str, Any]):
    ingest, retrain = first["ingest"], first["retrain"]
    assert set(first) == {"ingest", "retrain", "seconds"}
    assert " ".join(ingest) == (
        "dataset version manifest images splits classes checks dag_run seconds"
    )
    assert set(ingest["images"]) == {"kept", "duplicate", "conflict", "quarantined"}
    assert " ".join(retrain) == (
        "run_id dataset version recipe verdict reasons test_accuracy test_accuracy_interval "
        "model_version export report dag_run ray_jobs seconds"
    )


def test_the_demo_leaves_its_data_set_in_the_settings_and_not_its_recipe(
    first: dict[str, Any], airflow: AirflowApi
):
    assert airflow.variable("sortline_dataset") == first["ingest"]["dataset"] == DATASET
    assert airflow.variable("sortline_recipe") is None


def test_the_first_run_promotes(first: dict[str, Any], store: ObjectStore):
    retrain = first["retrain"]
    assert retrain["verdict"] == "promoted"
    low, high = retrain["test_accuracy_interval"]
    assert low <= retrain["test_accuracy"] <= high
    pointer = champion(store)
    assert (pointer.model_version, pointer.run_id) == (retrain["model_version"], retrain["run_id"])
    verdict = read_document(store, Verdict, keys.run(retrain["run_id"], "verdict.json"))
    assert (verdict.decision, verdict.champion_before) == (Decision.PROMOTED, None)


def test_the_data_set_in_the_store_is_the_one_that_was_told(
    first: dict[str, Any], store: ObjectStore
):
    ingest = first["ingest"]
    bucket, key = split_uri(ingest["manifest"])
    manifest = read_document(store, DatasetManifest, key)
    assert (bucket, manifest.version) == (store.bucket, ingest["version"])
    for split in Split:
        records = sum(shard.records for shard in manifest.shards[split])
        assert records == ingest["splits"][split] == sum(manifest.splits[split].values())
        assert all(store.exists(shard.key) for shard in manifest.shards[split])
    assert len(manifest.shards[Split.TRAIN]) >= 16
    staged = [key for key in store.keys("staging/") if not key.endswith("/published.json")]
    assert staged == []


def test_the_test_split_is_what_was_scored(first: dict[str, Any], store: ObjectStore):
    key = keys.judged(first["retrain"]["run_id"], "evaluation.json")
    evaluation = read_document(store, EvaluationResult, key)
    assert evaluation.split is Split.TEST
    assert evaluation.candidate.images == first["ingest"]["splits"]["test"]
    assert sum(map(sum, evaluation.candidate.confusion)) == evaluation.candidate.images


def test_every_export_answers_as_the_trained_model_did(first: dict[str, Any], store: ObjectStore):
    key = keys.run(first["retrain"]["run_id"], "verification.json")
    verified = read_document(store, VerificationResult, key)
    assert verified.images == first["ingest"]["splits"]["test"]
    assert verified.clean_process
    assert set(verified.published) == set(ExportFormat)
    for one in verified.formats:
        assert one.parity.images == verified.images
        assert one.parity.max_difference <= verified.difference_bound[one.format]


def test_mlflow_names_the_champion(first: dict[str, Any], stack: Stack):
    user, password = stack.mlflow_login()
    answer = httpx.get(
        f"{stack.mlflow_url}/api/2.0/mlflow/registered-models/alias",
        params={"name": DATASET, "alias": "champion"},
        auth=(user, password),
        trust_env=False,
        timeout=60,
    )
    assert answer.json()["model_version"]["version"] == str(first["retrain"]["model_version"])


def test_two_workers_trained_one_model(first: dict[str, Any], store: ObjectStore):
    run_id = first["retrain"]["run_id"]
    traces = [json.loads(store.get(key)) for key in store.keys(keys.run(run_id, "workers/"))]
    one, other = traces
    assert one["replicas"] == other["replicas"] == 2
    assert one["weights"] == other["weights"]
    assert len(one["weights"]) > 1
    seen = one["samples"] + other["samples"]
    assert len(seen) == len(set(seen)) == first["ingest"]["splits"]["train"]


def test_a_second_demo_finds_everything_unchanged(
    first: dict[str, Any], home: Path, stack: Stack, store: ObjectStore
):
    before, pointer = ray_jobs(stack), champion(store)
    second = succeed(home, "demo")
    assert second["retrain"]["verdict"] == "unchanged"
    assert second["retrain"]["run_id"] == first["retrain"]["run_id"]
    assert second["ingest"]["version"] == first["ingest"]["version"]
    assert (ray_jobs(stack), champion(store)) == (before, pointer)


def test_predict_answers_the_good_images_and_names_the_broken(
    first: dict[str, Any], home: Path, store: ObjectStore, tmp_path: Path
):
    good, broken = tmp_path / "good.jpg", tmp_path / "broken.jpg"
    good.write_bytes(store.get(next(iter(store.keys("raw/")))))
    broken.write_bytes(b"no picture")
    answer = sortline(home, "predict", "--json", "--top", "2", str(good), str(broken))
    assert answer.code == 2
    told, refused = answer.json["images"]
    assert [set(one) for one in told["classes"]] == [{"label", "probability"}] * 2
    assert set(refused) == {"image", "error"}


def test_models_lists_the_champion(first: dict[str, Any], home: Path):
    known = succeed(home, "models")
    assert known["champion"] == first["retrain"]["model_version"]
    assert known["champion"] in [version["version"] for version in known["versions"]]


BAD_INPUT = [
    (("ingest", "--source", "nowhere"), 2, "nowhere.*expected a folder.*remedy [A-Z]"),
    (
        ("ingest", "--source", "sample:", "--format", "folders"),
        2,
        "folders.*expected a known format.*Did you mean 'folder'",
    ),
    (
        ("retrain", "--recipe", "lite0_prob"),
        2,
        "lite0_prob.*expected [a-z].*Did you mean 'lite0_probe'",
    ),
    (("retrain", "--set", "epohcs=3"), 2, "epohcs.*expected [a-z].*Did you mean 'epochs'"),
    (("retrain", "--set", "epochs=0"), 2, "epochs.*0.*expected .{4,}remedy .{4,}"),
    (("retrain", "--set", "image_px=7"), 2, "image_px.*7.*expected .{4,}remedy .{4,}"),
    (("retrain", "--set", "schedule.base_lr=-1"), 2, "base_lr.*-1.*expected .{4,}remedy .{4,}"),
    (("retrain", "--set", "epochs"), 2, "epochs.*expected KEY=VALUE.*remedy"),
    (("retrain", "--workers", "0"), 2, "0.*expected .{4,}remedy .{4,}"),
    (("retrain", "--workers", "900"), 2, "900 workers.*expected at most.*remedy Pass --workers"),
    (("retrain", "--name", "unheard"), 2, "unheard.*expected.*sortline ingest"),
    (("rollback", "77"), 2, "77.*expected .{4,}remedy .{4,}"),
    (("promote", "77", "--reason", "a try"), 2, "no version 77.*expected one of.*remedy .{4,}"),
    (("rollback",), 2, "no champion before.*expected .{4,}remedy .{4,}"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), BAD_INPUT)
def test_bad_input_is_told_in_three_parts(
    first: dict[str, Any],
    home: Path,
    store: ObjectStore,
    arguments: tuple[str, ...],
    code: int,
    message: str,
):
    before = champion(store)
    answer = sortline(home, *arguments)
    assert answer.code == code, answer.err
    assert re.search(message, answer.told), answer.told
    assert champion(store) == before


def test_a_source_that_cannot_be_publishes_nothing(home: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "one" / "glass").mkdir(parents=True)
    for number, image in zip(range(5), SampleSource().images(), strict=False):
        (tmp_path / "one" / "glass" / f"{number}.jpg").write_bytes(image.read())
    (tmp_path / "broken" / "glass").mkdir(parents=True)
    (tmp_path / "broken" / "glass" / "a.jpg").write_bytes(b"no picture")
    (tmp_path / "photo.jpg").write_bytes(b"no picture")
    facts = {
        "empty": "holds no image.*one sub-folder a class",
        "one": "class.*at least 2",
        "broken": "1 of 1 files are unreadable.*at most 5%.*Repair",
        "photo.jpg": r"photo\.jpg.*folder",
    }
    for name, fact in facts.items():
        answer = sortline(home, "ingest", "--source", str(tmp_path / name))
        assert answer.code == 2, answer.err
        assert re.search(fact, answer.told), answer.told


def test_a_stack_that_is_not_up_is_the_platforms_fault(tmp_path: Path):
    answer = sortline(tmp_path / "home", "retrain")
    assert answer.code == 3
    assert re.search("not up.*expected.*`sortline up`", answer.told), answer.told


@contextlib.contextmanager
def interrupted_at_the_end(call: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A call that gets Ctrl-C whatever becomes of the block, and has ended after it."""
    with subprocess.Popen(call, env=environment(), stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(240)


def test_while_ray_runs_the_task_is_deferred_and_ctrl_c_stops_the_job(
    first: dict[str, Any], home: Path, stack: Stack, airflow: AirflowApi, store: ObjectStore
):
    before, pointer = set(ray_jobs(stack)), champion(store)
    call = command(home, "retrain", "--recipe", "lite0_probe", "--set", "epochs=900")
    with interrupted_at_the_end(call) as process:
        (job,) = until("its job", lambda: set(ray_jobs(stack)) - before)
        until("it runs", lambda: ray_jobs(stack)[job] == "RUNNING")
        until("its task is deferred", lambda: _train_states(airflow) == {"deferred"})
        # Where the task waited in a slot, it would for all 900 epochs; the reconciler's is short.
        until("free slots", lambda: not any(_slots(airflow, "default_pool").values()))
        assert _slots(airflow, TRAINING_POOL)["occupied"] == 1, "a training holds its place"
    assert process.returncode == 130
    # Sooner than the reconciler comes, which would stop what Ctrl-C does not.
    until("the job's end", lambda: ray_jobs(stack)[job] == "STOPPED")
    assert champion(store) == pointer


def test_with_the_scheduler_stopped_nothing_is_promoted(
    first: dict[str, Any], home: Path, stack: Stack, store: ObjectStore
):
    pointer = champion(store)
    Supervisor(Home(home)).stop_part(Part.SCHEDULER)
    try:
        for call in (("retrain", "--set", "epochs=2"), ("ingest", "--source", "sample:")):
            answer = sortline(home, *call)
            assert answer.code == 3, answer.err
            assert "scheduler" in answer.told
            assert "sortline up" in answer.told
    finally:
        succeed(home, "up")
    assert champion(store) == pointer


def test_ctrl_c_while_the_stack_comes_up_leaves_no_process(own_home: Path):
    supervisor = Supervisor(Home(own_home))
    with interrupted_at_the_end(command(own_home, "demo")) as process:
        until("a supervisor", supervisor.is_up)
    assert process.returncode == 130
    assert _processes_of(own_home) == []


def test_a_second_demo_beside_a_running_one_is_refused(home: Path):
    with (home / "demo.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = sortline(home, "demo")
    assert answer.code == 2
    assert "a demo is running" in answer.told


def _processes_of(home: Path) -> list[int]:
    found: list[int] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("SORTLINE_HOME") == str(home):
                found.append(process.pid)
    return found


def _train_states(airflow: AirflowApi) -> set[str | None]:
    query = "/api/v2/dags/~/dagRuns/~/taskInstances?task_id=train&state=deferred"
    body = airflow._call("GET", query).json()
    return {task["state"] for task in body["task_instances"]}


def _slots(airflow: AirflowApi, pool: str) -> dict[str, int]:
    body = airflow._call("GET", f"/api/v2/pools/{pool}").json()
    return {kind: body[f"{kind}_slots"] for kind in ("running", "queued", "occupied")}
