import os
from pathlib import Path

import pytest

import dags
from tests.fakes import InMemoryStore
from tests.serving import serving

FOLDER = Path(dags.__file__).parent
DAG_FILES = sorted(
    {path.stem for path in FOLDER.glob("*.py")}
    - set(Path(FOLDER, ".airflowignore").read_text().replace(".py", "").split())
)


@pytest.fixture(scope="session", autouse=True)
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow reads its home when it is first imported: a folder of the test's own."""
    home = tmp_path_factory.mktemp("airflow")
    os.environ["AIRFLOW_HOME"] = str(home)
    os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "True"
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    return home


@pytest.fixture(scope="session")
def loaded(airflow_home: Path):
    """Every DAG, as the DAG processor reads it."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(FOLDER), load_op_links=False)


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registry in a file, with the versions 1 to 9 of the model `sample`."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
    client = MlflowClient(uri, uri)
    client.create_registered_model("sample")
    for version in range(1, 10):
        client.create_model_version("sample", f"s3://memory/{version}", await_creation_for=0)
    return uri


@pytest.fixture
def mlflow_run_id(mlflow_uri: str, tmp_path: Path) -> str:
    """A run in that registry, whose files go to a folder of the test's own."""
    from mlflow import MlflowClient

    client = MlflowClient(mlflow_uri, mlflow_uri)
    experiment = client.create_experiment(tmp_path.name, artifact_location=tmp_path.as_uri())
    return client.create_run(experiment).info.run_id


@pytest.fixture
def staged(loaded, store, mlflow_uri, monkeypatch):
    """Make a `Stage` of a DAG: its bucket is `store`, its Ray cluster has two CPUs."""
    from tests.dags.stage import Stage, dashboard

    monkeypatch.setattr("tasks.settings.connect", lambda *_, **__: store)
    monkeypatch.setenv("SORTLINE_CODE_VERSION", "deadbeef")
    monkeypatch.setenv("AIRFLOW_VAR_SORTLINE_DATASET", "sample")
    monkeypatch.setenv("SORTLINE_MLFLOW_URI", mlflow_uri)
    with serving(dashboard) as ray:
        monkeypatch.setenv("SORTLINE_RAY_ADDRESS", ray.url)
        yield lambda dag_id, **given: Stage(loaded.dags[dag_id], **given)
