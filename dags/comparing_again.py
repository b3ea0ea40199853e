"""What becomes of a run whose champion moved while it was judged: the same order, run again."""

from __future__ import annotations

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

_ORDER = "{{ ti.xcom_pull(task_ids='plan', key='order') | tojson }}"


def compare_again(dag_id: str) -> TriggerDagRunOperator:
    """Runs the order again where `promote` was skipped, with nothing decided.

    The run that it starts is of the same run id, so it takes up the training, the exports and
    their verification; only the evaluation is made anew, against the champion of now, and what
    comes after it. A second one that a retry starts ends as `unchanged`, also of an order with
    `force`: it names the run that it takes up.
    """
    return TriggerDagRunOperator(
        task_id="compare_again",
        trigger_dag_id=dag_id,
        conf=_ORDER,
        logical_date=None,  # as of a run by hand: two may start in one instant
        trigger_rule="all_skipped",
        openlineage_inject_parent_info=False,  # a key that the form would refuse
    )
