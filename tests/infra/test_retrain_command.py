"""`sortline retrain` follows a run to its verdict, wherever that falls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from infra import summary
from infra.airflow_api import TaskState
from infra.commands.retrain import DAG_ID, follow_retrain, retrain
from infra.follow import DagRun
from ray_jobs.contract import keys
from ray_jobs.contract.errors import ClusterError, SpecError
from ray_jobs.contract.evaluation import Estimate
from ray_jobs.storage import write_document
from tasks.judging.card import assemble_card
from tests.infra.store_alone import StoreAlone
from tests.tasks.documents import write_run


class TwoRuns:
    """An Airflow in which the first run lost its champion and has triggered the second."""

    def __init__(self, second: str = "success") -> None:
        self.states = {"first": "success", "second": second}
        self.failed: list[str] = []

    def task_order(self, dag_id: str) -> list[str]:
        return ["compare_again"]

    def run_state(self, dag_id: str, run_id: str) -> str:
        return self.states[run_id]

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        return [TaskState("compare_again", "success", 1, None, None)]

    def unhealthy_parts(self) -> list[str]:
        return []

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value"):
        if (run_id, task_id) == ("first", "compare_again"):
            return "second"
        return {"run_id": "abc", "unchanged": False} if key == "plan" else None

    def fail_run(self, dag_id: str, run_id: str) -> None:
        self.failed.append(run_id)


@pytest.fixture
def session(tmp_path: Path) -> StoreAlone:
    session = StoreAlone.open(tmp_path)
    write_run(session.objects)
    card = assemble_card(session.objects, "abc", "sample", 2)
    write_document(session.objects, card, keys.judged("abc", "card.json"))
    session.objects.put(keys.judged("abc", "report.html"), b"<p>")
    return session


def test_the_answer_is_that_of_the_run_that_compared_again(session):
    made = follow_retrain(session, TwoRuns(), DagRun(DAG_ID, "first"))
    assert (made.answer["dag_run"], made.answer["verdict"]) == ("second", "promoted")
    assert made.answer["test_accuracy"] == 41 / 45
    assert "the champion moved meanwhile: compared again by second" in session.told


def test_an_accuracy_that_is_not_defined_is_said_to_be_so(session):
    card = assemble_card(session.objects, "abc", "sample", 2)
    none = Estimate(value=None, interval=None, images=0)  # no test image may judge
    candidate = card.evaluation.candidate.model_copy(update={"accuracy": none})
    evaluation = card.evaluation.model_copy(update={"candidate": candidate})
    unjudged = card.model_copy(update={"evaluation": evaluation})
    session.objects.put(keys.judged("abc", "card.json"), unjudged.to_json())
    made = follow_retrain(session, TwoRuns(), DagRun(DAG_ID, "first"))
    told = StringIO()
    Console(file=told, width=200).print(summary.of_retraining(made))
    assert "test accuracy not defined\n" in re.sub(r" +\n", "\n", told.getvalue())


def test_an_interruption_ends_the_run_that_compares_again(session):
    api = TwoRuns(second="running")

    def interrupted(snapshot) -> None:
        if snapshot.run.run_id == "second":
            raise KeyboardInterrupt

    session.screen.show = interrupted
    with pytest.raises(KeyboardInterrupt):
        follow_retrain(session, api, DagRun(DAG_ID, "first"))
    assert api.failed == ["second"]


def test_a_second_run_that_fails_is_told_as_any_other(session):
    api = TwoRuns(second="failed")
    with pytest.raises(ClusterError, match="run second of retrain_classifier was ended"):
        follow_retrain(session, api, DagRun(DAG_ID, "first"))


class Variables:
    """An Airflow whose Variable `sortline_recipe` names a recipe, or nothing."""

    def __init__(self, recipe: str | None) -> None:
        self.recipe = recipe

    def variable(self, key: str) -> str | None:
        assert key == "sortline_recipe"
        return self.recipe


@dataclass(frozen=True)
class WithoutRay(StoreAlone):
    """A stack that is up, and whose Ray is asked after the recipe is checked."""

    recipe: str | None = None

    def require_up(self) -> None:
        """It is."""

    def airflow(self) -> Variables:
        return Variables(self.recipe)

    def settings(self):
        raise ClusterError("Ray is asked what it has", "a Ray", "Go on")


def order(session, *overrides: str, recipe: str | None = None):
    return retrain(session, name=None, recipe=recipe, workers="2", overrides=overrides, force=False)


def with_variable(tmp_path: Path, recipe: str | None) -> WithoutRay:
    alone = StoreAlone.open(tmp_path)
    return WithoutRay(alone.stack, alone.screen, alone.objects, recipe)


@pytest.mark.parametrize(
    ("variable", "override", "told"),
    [
        ("b3_finetune", "epochs=3", "epochs"),
        ("convnet_small", "weights=imagenet", "convnet-small"),
        (None, "backbone=mnasnet-a1", "mnasnet-a1"),  # lite0_finetune has ImageNet weights
        ("lite0", "epochs=3", "there is no recipe 'lite0'"),
    ],
)
def test_what_does_not_fit_the_recipe_of_the_settings_is_refused(
    tmp_path: Path, variable, override, told
):
    with pytest.raises(SpecError, match=told):
        order(with_variable(tmp_path, variable), override)


@pytest.mark.parametrize(
    ("variable", "override"), [("convnet_small", "backbone=mnasnet-a1"), (None, "epochs=30")]
)
def test_what_fits_the_recipe_of_the_settings_passes(tmp_path: Path, variable, override):
    with pytest.raises(ClusterError, match="Ray is asked"):
        order(with_variable(tmp_path, variable), override)


def test_a_named_recipe_counts_and_not_that_of_the_settings(tmp_path: Path):
    session = with_variable(tmp_path, "b3_finetune")
    with pytest.raises(ClusterError, match="Ray is asked"):
        order(session, "backbone=mnasnet-a1", recipe="convnet_small")


def test_a_wrong_key_or_a_value_that_a_named_recipe_does_not_take_needs_no_stack(session):
    with pytest.raises(SpecError, match=r"'epohcs' is not a key.*Did you mean 'epochs'"):
        order(session, "epohcs=3")
    with pytest.raises(SpecError, match="epochs is 0"):
        order(session, "epochs=0", recipe="lite0_probe")
