"""Airflow alone is ours; object store, Ray and MLflow are somebody else's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.local.stack import Stack
from ray_jobs.contract import keys
from tasks.sources.sample import SampleSource
from tests.e2e.sortline import sortline, succeed

pytestmark = [pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

DATASET = "outside"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of classes, small and of its own drawing."""
    folder = tmp_path / DATASET
    for image in SampleSource(images_per_class=20, seed=5).images():
        path = folder / image.label / Path(image.path).name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.read())
    return folder


@pytest.fixture
def parts(stack: Stack) -> dict[str, str]:
    """The parts of the session's stack, as another team would name them."""
    there = stack.environment()
    names = ("S3_ENDPOINT", "RAY_ADDRESS", "RAY_TOKEN_FILE", "MLFLOW_URI")
    given = {f"SORTLINE_{name}": there[f"SORTLINE_{name}"] for name in names}
    given["SORTLINE_MLFLOW_CREDENTIALS_FILE"] = there["SORTLINE_MLFLOW_CREDENTIALS_FILE"]
    return given | {"AWS_SHARED_CREDENTIALS_FILE": there["AWS_SHARED_CREDENTIALS_FILE"]}


@pytest.mark.faults  # three minutes: the long tier
def test_the_main_job_runs_on_external_parts(
    stack: Stack, own_home: Path, parts: dict[str, str], photos: Path
):
    made = succeed(own_home, "demo", "--source", str(photos), "--keep", env=parts)
    assert made["retrain"]["verdict"] == "promoted"
    external = {part["name"]: part["external"] for part in succeed(own_home, "status")["parts"]}
    assert {name for name, theirs in external.items() if theirs} == {"seaweedfs", "ray", "mlflow"}
    assert not (own_home / "seaweedfs").exists()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment().items():
            patch.setenv(name, value)
        assert stack.settings().store("admin").exists(keys.champion(DATASET))


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("SORTLINE_RAY_TOKEN_FILE", "refuses.*token"),
        ("AWS_SHARED_CREDENTIALS_FILE", "refuse"),
    ],
)
def test_a_wrong_credential_is_the_users_to_mend(
    own_home: Path, parts: dict[str, str], tmp_path: Path, wrong: str, message: str
):
    forged = tmp_path / "forged"
    identity = "aws_access_key_id = nobody\naws_secret_access_key = nothing\n"
    forged.write_text(f"[default]\n{identity}" if "AWS" in wrong else "0" * 64)
    answer = sortline(own_home, "up", env=parts | {wrong: str(forged)})
    assert answer.code == 2, answer.err
    assert "remedy" in answer.told
    assert re.search(message, answer.told), answer.told
