"""Where a task's buttons lead."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dags.links import MLFLOW_RUN, REPORT

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]


def test_no_two_links_of_a_task_share_the_place_of_their_address(loaded):
    for dag in loaded.dags.values():
        for task in dag.tasks:
            places = [link.xcom_key for link in task.operator_extra_links]
            assert len(places) == len(set(places)), task.task_id


def test_a_link_leads_where_the_result_says():
    results = {"register": {"run_url": "http://run"}, "report": {"page": "http://page"}}
    ran = SimpleNamespace(xcom_pull=lambda task_ids: results[task_ids])
    assert MLFLOW_RUN.get_link(None, ti_key=ran) == "http://run"
    assert REPORT.get_link(None, ti_key=ran) == "http://page"


def test_there_is_no_link_before_there_is_a_result():
    assert REPORT.get_link(None, ti_key=SimpleNamespace(xcom_pull=lambda task_ids: None)) == ""
