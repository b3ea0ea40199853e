"""A DAG file is read again and again: it must be quick, and import nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.dags.conftest import DAG_FILES, FOLDER

pytestmark = pytest.mark.airflow

LIMIT_S = 0.5
HEAVY = {"tensorflow", "keras", "ray", "mlflow", "matplotlib", "scipy"}
# Stands for the DAG processor, which has Airflow imported before it forks for a file. The quickest
# of three processes is taken: the first has no byte-code, and the machine may be busy.
READ = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
wall, cpu = time.perf_counter(), time.process_time()
bag = DagBag(dag_folder=sys.argv[1], load_op_links=False)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
assert not bag.import_errors and len(bag.dags) == 1, bag.import_errors
print(json.dumps({"wall": wall, "cpu": cpu, "modules": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module", params=DAG_FILES)
def reading(request, airflow_home):
    """What reading one file took, and every module that is there afterwards."""
    path = str(FOLDER / f"{request.param}.py")
    readings = [_read(path) for _ in range(3)]
    return request.param, min(readings, key=lambda one: min(one["wall"], one["cpu"]))


def _read(path):
    done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_file_is_read_within_half_a_second(reading, capsys):
    name, read = reading
    with capsys.disabled():
        print(f"\n{name}: read in {read['cpu']:.2f} s of CPU, {read['wall']:.2f} s in all")  # noqa: T201
    # A library's threads count twice in the one, a busy machine in the other.
    assert min(read["cpu"], read["wall"]) < LIMIT_S


def test_no_dag_file_imports_a_heavy_package(reading):
    _, read = reading
    assert HEAVY & set(read["modules"]) == set()
