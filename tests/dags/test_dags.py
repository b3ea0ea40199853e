"""What holds for every DAG."""

import itertools

import pytest

from tests.dags.conftest import DAG_FILES, FOLDER

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

DAG_IDS = [
    "housekeeping",
    "ingest_dataset",
    "reconcile_ray_jobs",
    "retrain_classifier",
    "rollback_champion",
]
TAGS = {"sortline", "data", "training", "models", "operations"}
SECTIONS = ("**Purpose.**", "**Inputs.**", "**Idempotence.**", "**Triage.**")
# Tasks that a second try cannot help, each with its reason. None so far: all can be run again.
NEVER_RETRIED: set[tuple[str, str]] = set()


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
    assert "sortline" in dag.tags
    assert set(dag.tags) <= TAGS
    places = [dag.doc_md.index(section) for section in SECTIONS]
    assert places == sorted(places)


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_task_keeps_the_policy(loaded, dag_id: str):
    for task in loaded.dags[dag_id].tasks:
        assert task.owner == "sortline"
        assert (task.retries > 0) == ((dag_id, task.task_id) not in NEVER_RETRIED)
        assert task.retry_exponential_backoff
        assert task.retry_policy is not None
        assert task.execution_timeout is not None
        assert task.execution_timeout < loaded.dags[dag_id].dagrun_timeout
        assert task.on_failure_callback


def test_a_task_that_waits_deferred_has_a_deadline_of_its_own(loaded):
    """Airflow enforces no `execution_timeout` on a task that is deferred."""
    from tasks.operators.operator import RayJobOperator

    dag = loaded.dags["retrain_classifier"]
    waiting = [task for task in dag.tasks if isinstance(task, RayJobOperator)]
    assert [task.task_id for task in waiting] == ["train", "export", "verify", "evaluate"]
    for task in waiting:
        assert task.deadline is not None


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_dag_file_is_wiring_and_fits_a_page(dag_id: str):
    assert len((FOLDER / f"{dag_id}.py").read_text().splitlines()) <= 120


def test_the_main_job_is_one_chain(loaded):
    dag = loaded.dags["retrain_classifier"]
    beside = ("compare_again", "sweep")
    chain = [task.task_id for task in dag.topological_sort() if task.task_id not in beside]
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


def test_only_the_training_takes_a_slot_of_the_training_pool(loaded):
    from tasks.settings import TRAINING_POOL

    dag = loaded.dags["retrain_classifier"]
    assert [task.task_id for task in dag.tasks if task.pool == TRAINING_POOL] == ["train"]


def test_a_run_may_last_as_long_as_its_slowest_parts(loaded):
    from datetime import timedelta

    from tasks.judging.approval import RESPONSE_LIMIT
    from tasks.planning.order import BUDGET_LIMIT_MINUTES

    longest = timedelta(minutes=BUDGET_LIMIT_MINUTES) + RESPONSE_LIMIT
    assert loaded.dags["retrain_classifier"].dagrun_timeout > longest
