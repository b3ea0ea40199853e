import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize(
    ("plan", "report", "again", "nothing_to_do", "by_hand"),
    [
        ("success", "success", "skipped", False, False),  # it went to its end
        ("success", "skipped", "skipped", True, False),  # unchanged
        ("success", "skipped", None, False, False),  # the champion moved: compared again
        ("success", "skipped", "success", False, False),
        ("success", "upstream_failed", "skipped", False, False),  # a task failed by itself
        ("success", "failed", "skipped", False, False),  # the last one did
        ("success", "skipped", "skipped", False, True),  # failed by hand between plan and report
        ("failed", "skipped", "skipped", True, True),  # while plan ran
        ("skipped", "skipped", "skipped", True, True),  # before plan began
    ],
)
def test_a_run_that_was_failed_by_hand_is_told_from_one_with_nothing_to_do(
    airflow_home, plan: str, report: str, again: str | None, nothing_to_do: bool, by_hand: bool
):
    from dags.reconciling import ended_by_hand

    states = {"plan": plan, "compare_again": again, "report": report}
    assert ended_by_hand(states, nothing_to_do=nothing_to_do) is by_hand
