"""The registry, on a real MLflow server with a login."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.champion import Registration
from ray_jobs.contract.errors import ClusterError, CredentialError, UserError
from ray_jobs.contract.verdict import Decision
from ray_jobs.storage import read_document, write_document
from tasks.judging.card import assemble_card
from tasks.settings import Settings
from tasks.tracking import registry
from tasks.tracking.mlflow_client import connect
from tests.fakes import InMemoryStore
from tests.ports import free_ports
from tests.tasks.documents import registration, spec, training, verdict, write_run

pytestmark = pytest.mark.airflow


def _start_server(home: Path, port: int, password: str) -> subprocess.Popen[bytes]:
    ini = home / "auth.ini"
    ini.write_text(
        "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
        f"database_uri = sqlite:///{home}/auth.db\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "auth_cache_ttl_seconds = 60\n"  # without it every request hashes the password: 0.3 s
    )
    hosts = f"127.0.0.1:{port},localhost:{port}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port), "--allowed-hosts", hosts),
        *("--backend-store-uri", f"sqlite:///{home}/mlflow.db"),
        *("--serve-artifacts", "--artifacts-destination", str(home / "artifacts")),
    ]
    environment = {name: value for name, value in os.environ.items() if "DONTWRITE" not in name}
    environment |= {
        "MLFLOW_AUTH_CONFIG_PATH": str(ini),
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with (home / "server.log").open("wb") as log:
        return subprocess.Popen(
            command, env=environment, cwd=home, stdout=log, stderr=log, start_new_session=True
        )


def _wait_healthy(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    pytest.fail(f"mlflow did not come up:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    home = tmp_path_factory.mktemp("mlflow")
    (port,), password = free_ports(1), secrets.token_hex(12)
    login = home / "login.json"
    login.write_text(json.dumps({"username": "admin", "password": password}))
    server = _start_server(home, port, password)
    try:
        _wait_healthy(server, port, home / "server.log")
        yield Settings(mlflow_uri=f"http://127.0.0.1:{port}", mlflow_credentials_file=login)
    finally:
        os.killpg(server.pid, 15)  # the group is ours: it was started in a session of its own
        server.wait(20)


@pytest.fixture
def store() -> InMemoryStore:
    store = InMemoryStore()
    write_run(store)
    store.delete([keys.run("abc", "registration.json")])
    return store


def test_candidate_is_registered_with_its_recipe_curve_and_lineage(settings, store):
    answer = registry.register_candidate(settings, store, "abc")
    assert (answer.model, answer.model_version) == ("sample", 1)
    assert answer.url == f"{settings.mlflow_uri}/#/models/sample/versions/1"
    with connect(settings) as client:
        run = client.get_run(answer.mlflow_run_id)
        curve = client.get_metric_history(run.info.run_id, "val_accuracy")
        version = client.get_model_version("sample", "1")
        files = client.list_artifacts(run.info.run_id, "model")
    assert (run.info.run_name, run.info.status) == ("abc", "FINISHED")
    assert run.data.params["schedule.base_lr"] == "0.01"
    assert run.data.params["workers"] == "2"
    assert [(point.step, point.value) for point in curve] == [(1, 0.4), (2, 0.7), (3, 0.8)]
    assert version.tags["sortline.export"] == "s3://memory/runs/abc/exports.json"
    assert version.tags["sortline.dataset_version"] == "v1"
    names = ["model/MLmodel", "model/spec.json", "model/training.json"]
    assert sorted(file.path for file in files) == names


def test_mlflow_reads_the_signature_of_the_version_as_its_own(settings, store):
    from mlflow.models import Model  # heavy: 6 s, where other tiers only read the names

    registered = registry.register_candidate(settings, store, "abc")
    with connect(settings) as client:
        source = client.get_model_version("sample", str(registered.model_version)).source
        folder = client.download_artifacts(registered.mlflow_run_id, "model")
        model = Model.load(folder)
    assert source == f"runs:/{registered.mlflow_run_id}/model"
    (images,), (probabilities,) = model.signature.inputs.inputs, model.signature.outputs.inputs
    assert (images.name, images.type.name, images.shape) == ("images", "float32", (-1, 32, 32, 3))
    assert (probabilities.name, probabilities.shape) == ("probabilities", (-1, 3))


def test_a_registration_is_written_down_for_whoever_does_without_mlflow(settings, store):
    made = registry.register_candidate(settings, store, "abc")
    for key in ("runs/abc/registration.json", "models/sample/versions/1.json"):
        assert read_document(store, Registration, key) == made


def test_a_version_that_mlflow_gave_to_another_run_is_not_written_over(settings, store):
    other = registration("other").model_copy(update={"model_version": 1})
    write_document(store, other, keys.model_version("sample", 1))
    with pytest.raises(UserError, match=r"calls run abc version 1 .*run other .*Restore"):
        registry.register_candidate(settings, store, "abc")


def test_the_card_lies_beside_the_models_description(settings, store):
    made = registry.register_candidate(settings, store, "abc")
    card = assemble_card(store, "abc", "sample", made.model_version)
    registry.keep_card(settings, made.mlflow_run_id, card)
    with connect(settings) as client:
        path = Path(client.download_artifacts(made.mlflow_run_id, "model/card.json"))
    assert path.read_bytes() == card.to_json()


def test_registering_again_finds_what_is_there(settings, store):
    first = registry.register_candidate(settings, store, "abc")
    assert registry.register_candidate(settings, store, "abc") == first


def test_a_registration_that_was_cut_short_is_completed_without_doubling_the_curve(settings, store):
    answer = registry.register_candidate(settings, store, "abc")
    with connect(settings) as client:
        client.update_run(answer.mlflow_run_id, status="RUNNING")
    assert registry.register_candidate(settings, store, "abc") == answer
    with connect(settings) as client:
        assert len(client.get_metric_history(answer.mlflow_run_id, "loss")) == 3
        assert client.get_run(answer.mlflow_run_id).info.status == "FINISHED"


def test_each_run_is_a_version_of_its_data_sets_one_model(settings, store):
    registry.register_candidate(settings, store, "abc")
    write_document(store, spec("abc-2"), keys.run("abc-2", "spec.json"))
    write_document(store, training("abc-2", epochs=400), keys.run("abc-2", "training.json"))
    assert registry.register_candidate(settings, store, "abc-2").model_version == 2
    assert registry.register_candidate(settings, store, "abc").model_version == 1


def test_alias_follows_the_pointer_and_the_verdict_is_written_beside_the_version(settings, store):
    version = registry.register_candidate(settings, store, "abc").model_version
    for _ in range(2):
        registry.set_champion_alias(settings, "sample", version)
        registry.set_verdict_tags(settings, "sample", version, verdict(decision=Decision.KEPT))
    with connect(settings) as client:
        champion = client.get_model_version_by_alias("sample", "champion")
    assert champion.tags["sortline.reasons"] == "because"
    assert champion.tags["sortline.verdict"] == "kept"


def test_an_experiment_that_somebody_deleted_is_theirs_to_restore(settings):
    store = InMemoryStore()
    elsewhere = spec().manifest.model_copy(update={"dataset": "gone"})
    moved = spec().model_copy(update={"manifest": elsewhere})
    write_document(store, moved, keys.run("abc", "spec.json"))
    write_document(store, training(), keys.run("abc", "training.json"))
    with connect(settings) as client:
        client.delete_experiment(client.create_experiment("gone"))
    with pytest.raises(UserError, match=r"'gone' was deleted; expected .*active.* Restore it"):
        registry.register_candidate(settings, store, "abc")


def test_a_wrong_password_is_the_users_to_correct(settings, tmp_path):
    login = tmp_path / "login.json"
    login.write_text('{"username": "admin", "password": "not-the-password"}')
    wrong = settings.model_copy(update={"mlflow_credentials_file": login})
    with pytest.raises(CredentialError, match=r"refuses the login.*401.*CREDENTIALS_FILE") as told:
        registry.set_champion_alias(wrong, "sample", 1)
    assert "not-the-password" not in str(told.value)


def test_no_login_is_refused(settings):
    without = settings.model_copy(update={"mlflow_credentials_file": None})
    with pytest.raises(CredentialError, match="HTTP 401"):
        registry.set_champion_alias(without, "sample", 1)


def test_the_login_does_not_stay_in_the_environment(settings, store):
    registry.register_candidate(settings, store, "abc")
    assert not [name for name in os.environ if name.startswith("MLFLOW_TRACKING_")]


def test_a_server_that_is_not_up_is_told_within_seconds(settings):
    nowhere = settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:1"})
    start = time.monotonic()
    with pytest.raises(ClusterError, match=r"does not answer.*up and reachable.*sortline up"):
        registry.set_champion_alias(nowhere, "sample", 1)
    assert time.monotonic() - start < 30


def test_a_server_that_nobody_named_is_said_so():
    with pytest.raises(ClusterError, match=r"no MLflow is named.*SORTLINE_MLFLOW_URI"):
        registry.set_champion_alias(Settings(), "sample", 1)


def test_a_login_file_that_is_no_login_is_named_without_its_content(settings, tmp_path):
    login = tmp_path / "login.json"
    login.write_text("hunter2")
    wrong = settings.model_copy(update={"mlflow_credentials_file": login})
    with pytest.raises(CredentialError, match=r"cannot be read.*username.*correct") as told:
        registry.set_champion_alias(wrong, "sample", 1)
    assert "hunter2" not in str(told.value)


def test_a_report_and_its_figures_lie_beside_the_run(settings, store):
    mlflow_run_id = registry.register_candidate(settings, store, "abc").mlflow_run_id
    key = keys.judged("abc", "report.html")
    store.put(key, "<p>可回收物".encode())
    store.put(keys.judged("abc", "figures/loss.png"), b"\x89PNG")
    for _ in range(2):
        page = registry.keep_report(settings, store, mlflow_run_id, key)
    assert page.endswith("/artifacts/report.html?workflowType=machine_learning")
    with connect(settings) as client:
        figures = client.list_artifacts(mlflow_run_id, "figures")
        kept = Path(client.download_artifacts(mlflow_run_id, "report.html"))
    assert [(one.path, one.file_size) for one in figures] == [("figures/loss.png", 4)]
    assert kept.read_text(encoding="utf-8") == "<p>可回收物"
