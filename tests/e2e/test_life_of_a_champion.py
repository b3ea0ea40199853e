"""By the forms alone: a model is promoted, replaced, defended, rolled back, and promoted back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from infra.airflow_api import AirflowApi
from infra.local.stack import Stack
from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.evaluation import EvaluationResult
from ray_jobs.contract.export import ExportFormat, VerificationResult
from ray_jobs.storage import ObjectStore, read_document
from tasks.settings import DATASET_VARIABLE
from tasks.sources.sample import SampleSource
from tests.e2e.browser import Person, chromium, screenshots, type_into
from tests.e2e.waiting import until
from tests.spoiled import kept_entries, write_spoiled

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.faults,
    pytest.mark.timeout(2400),
    pytest.mark.filterwarnings("ignore"),
]

DATASET = "life"
RETRAIN, INGEST, ROLLBACK = "retrain_classifier", "ingest_dataset", "rollback_champion"
# In minutes: one model that sees little, one that sees more. `make bench-judgement` takes whole
# recipes.
WEAK = {"recipe": "lite0_probe", "epochs": "2", "image_px": "64"}
STRONG = {"recipe": "lite0_probe", "image_px": "160"}


class Operator:
    """Somebody who uses the forms of Airflow, and looks into the store afterwards."""

    def __init__(self, stack: Stack, person: Person, store: ObjectStore) -> None:
        self.person = person
        self.store = store
        self.airflow = AirflowApi(stack.airflow_url, stack.airflow_login())
        # Or the new data set is that of the settings, and its event starts a training.
        self.airflow.set_variable(DATASET_VARIABLE, "another")

    def ingest(self, source: Path) -> None:
        """Make the photos of a folder the newest version."""
        self._succeed(INGEST, source=str(source), name=DATASET)

    def retrain(self, recipe: str, **values: str) -> str:
        """Order a training in the form; the id of its run of the DAG, once it has ended well."""
        return self._succeed(RETRAIN, recipe=recipe, dataset=DATASET, **values)

    def roll_back(self, **values: str) -> None:
        """Make an earlier champion the champion."""
        self._succeed(ROLLBACK, model=DATASET, **values)

    def champion(self) -> ChampionPointer:
        return read_document(self.store, ChampionPointer, keys.champion(DATASET))

    def evaluation(self, run: str) -> EvaluationResult:
        key = keys.judged(self._run_id(run), "evaluation.json")
        return read_document(self.store, EvaluationResult, key)

    def verification(self, run: str) -> VerificationResult:
        key = keys.run(self._run_id(run), "verification.json")
        return read_document(self.store, VerificationResult, key)

    def open_report(self, run: str) -> Page:
        """The report, opened from its task."""
        self.person.task(RETRAIN, run, "report", "details")
        return self.person.follow("Report")

    def _run_id(self, run: str) -> str:
        return self.airflow.xcom(RETRAIN, run, "plan", "plan")["run_id"]

    def _succeed(self, dag: str, recipe: str | None = None, **values: str) -> str:
        form = self.person.trigger_form(dag)
        type_into(form, **values)
        if recipe:
            form.get_by_role("combobox").click()
            self.person.page.get_by_role("option", name=f"{recipe}: ").click()
        run = self.person.start(form)
        ended = {"success", "failed"}
        until("the run's end", lambda: self.airflow.run_state(dag, run) in ended, limit_s=900)
        assert self.airflow.run_state(dag, run) == "success"
        return run


@pytest.fixture(scope="module")
def operator(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with chromium() as browser, pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment().items():
            patch.setenv(name, value)
        person = Person(stack, browser, screenshots(tmp_path_factory.mktemp("screenshots")))
        person.log_in()
        yield Operator(stack, person, stack.settings().store("admin"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders: those that SORTLINE_TRASHNET names, or drawn ones."""
    if given := os.environ.get("SORTLINE_TRASHNET"):
        return Path(given)
    folder = tmp_path_factory.mktemp("photos")
    for image in SampleSource().images():
        place = folder / image.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(image.file.read(2**24))
    return folder


@pytest.fixture(scope="module")
def first(operator: Operator, photos: Path) -> str:
    operator.ingest(photos)
    return operator.retrain(**WEAK)


@pytest.fixture(scope="module")
def better(operator: Operator, first: str) -> str:
    return operator.retrain(**STRONG)


@pytest.fixture(scope="module")
def spoiled(
    operator: Operator, better: str, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    folder = tmp_path_factory.mktemp("spoiled")
    write_spoiled(kept_entries(operator.store, DATASET), photos, folder, seed=1)
    operator.ingest(folder)
    return operator.retrain(**STRONG)


def test_the_first_good_model_is_promoted(operator: Operator, first: str):
    assert operator.champion().model_version == 1
    assert operator.evaluation(first).champion is None
    assert set(operator.verification(first).published) == set(ExportFormat)


def test_a_better_one_replaces_it_and_shows_the_comparison(operator: Operator, better: str):
    assert operator.champion().model_version == 2
    report = operator.open_report(better)
    page = report.frame_locator("iframe")
    expect(page.get_by_text("Promoted: this version became the champion")).to_be_visible()
    expect(page.get_by_text("What candidate and champion decide differently")).to_be_visible()
    operator.person.keep("replaced", report)
    report.close()


def test_a_model_of_shuffled_labels_is_refused_with_the_reason(operator: Operator, spoiled: str):
    assert operator.champion().model_version == 2
    assert operator.evaluation(spoiled).candidate.accuracy.value < 0.5
    report = operator.open_report(spoiled)
    page = report.frame_locator("iframe")
    expect(page.get_by_text("Kept: the champion stayed")).to_be_visible()
    expect(page.get_by_text("below").first).to_be_visible()
    operator.person.keep("refused", report)
    report.close()


def test_the_champion_is_rolled_back_and_promoted_back_from_the_form(
    operator: Operator, spoiled: str
):
    operator.roll_back(reason="it confuses glass")
    assert operator.champion().model_version == 1
    operator.roll_back(version="2", reason="it was the light")
    pointer = operator.champion()
    assert pointer.model_version == 2
    assert [move.model_version for move in pointer.history] == [1, 2, 1, 2]
    operator.person.keep("rolled-back")
