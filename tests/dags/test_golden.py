"""The graphs of the DAGs, held still: `make golden` writes them anew after a wanted change."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

GOLDEN = Path(__file__).parent / "golden" / "graphs.json"


def graph(dag) -> dict[str, Any]:
    """Ids first, then edges, then what decides when and for how long a task runs."""
    tasks = dag.topological_sort()
    return {
        "tasks": [task.task_id for task in tasks],
        "edges": [
            f"{task.task_id} >> {after}"
            for task in tasks
            for after in sorted(task.downstream_task_ids)
        ],
        "dagrun_timeout": told(dag.dagrun_timeout),
        "schedule": type(dag.timetable).__name__,
        "details": {task.task_id: detail(task) for task in tasks},
    }


def detail(task) -> str:
    """One line, so that a change is a line."""
    facts = {
        "operator": task.task_type,
        "pool": task.pool,
        "rule": task.trigger_rule.value,
        "retries": task.retries,
        "execution_timeout": told(task.execution_timeout),
        "deadline": told(getattr(task, "deadline", None)),
        "response_timeout": told(getattr(task, "response_timeout", None)),
    }
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)


def told(length: timedelta | None) -> str | None:
    return None if length is None else str(length)


def test_the_graphs_are_those_that_were_agreed(loaded):
    assert loaded.import_errors == {}
    graphs = {dag_id: graph(dag) for dag_id, dag in sorted(loaded.dags.items())}
    text = json.dumps(graphs, indent=2) + "\n"
    if os.environ.get("SORTLINE_GOLDEN") == "write":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
    assert graphs == json.loads(GOLDEN.read_text()), "run `make golden` if this is wanted"
