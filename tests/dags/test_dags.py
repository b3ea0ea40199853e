"""What holds for every DAG file."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

import dags

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

FOLDER = Path(dags.__file__).parent
DAG_FILES = sorted(
    {p.stem for p in FOLDER.glob("*.py")}
    - set(Path(FOLDER, ".airflowignore").read_text().replace(".py", "").split())
)
DAG_IDS = ["ingest_dataset", "reconcile_ray_jobs", "retrain_classifier", "rollback_champion"]
TAGS = {"sortline", "data", "training", "models"}
SECTIONS = ("**Purpose.**", "**Inputs.**", "**Idempotence.**", "**Triage.**")


@pytest.fixture(scope="module")
def loaded():
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(FOLDER), load_op_links=False)


def test_every_file_imports(loaded):
    assert loaded.import_errors == {}


def test_the_dags_are_those_of_the_closed_list(loaded):
    assert sorted(loaded.dags) == DAG_IDS == DAG_FILES


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_dag_keeps_the_policy(loaded, dag_id: str):
    dag = loaded.dags[dag_id]
    assert dag.catchup is False
    assert dag.max_active_runs == 1
    assert dag.dagrun_timeout is not None
    assert set(dag.tags) <= TAGS
    assert all(section in dag.doc_md for section in SECTIONS)
    for task in dag.tasks:
        assert task.owner == "sortline"
        assert task.retries == 2
        assert task.execution_timeout is not None


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_dag_file_is_wiring_and_fits_a_page(dag_id: str):
    assert len((FOLDER / f"{dag_id}.py").read_text().splitlines()) <= 120


def test_the_main_job_is_one_chain(loaded):
    dag = loaded.dags["retrain_classifier"]
    chain = [task.task_id for task in dag.topological_sort() if not task.is_teardown]
    assert chain == [
        "plan",
        "train",
        "register",
        "export",
        "verify",
        "evaluate",
        "gate",
        "approve",
        "promote",
        "report",
    ]
    for before, after in itertools.pairwise(chain):
        assert after in dag.get_task(before).downstream_task_ids


def test_no_dag_file_imports_a_heavy_package():
    code = (
        "import sys, dags.ingest_dataset, dags.retrain_classifier;"
        "print(sorted({'tensorflow', 'keras', 'ray', 'mlflow', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True
    )
    assert done.stdout.strip().splitlines()[-1] == "[]", done.stderr
