import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize(
    ("plan", "report", "nothing_to_do", "by_hand"),
    [
        ("success", "success", False, False),  # it went to its end
        ("success", "skipped", True, False),  # unchanged
        ("success", "upstream_failed", False, False),  # a task failed by itself
        ("success", "failed", False, False),  # the last one did
        ("success", "skipped", False, True),  # failed by hand between plan and report
        ("failed", "skipped", True, True),  # while plan ran
        ("skipped", "skipped", True, True),  # before plan began
    ],
)
def test_a_run_that_was_failed_by_hand_is_told_from_one_with_nothing_to_do(
    airflow_home, plan: str, report: str, nothing_to_do: bool, by_hand: bool
):
    from dags.reconciling import ended_by_hand

    states = {"plan": plan, "train": "success", "report": report}
    assert ended_by_hand(states, nothing_to_do=nothing_to_do) is by_hand
