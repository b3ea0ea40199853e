"""What a person does and sees: Airflow's, Ray's and MLflow's own pages, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from infra.airflow_api import ENDED, AirflowApi
from infra.local.parts import Part
from infra.local.stack import Stack
from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.storage import ObjectStore, read_document
from tasks.settings import DATASET_VARIABLE
from tests.e2e.browser import Person, chromium, press_trigger, ray_token, screenshots, type_into
from tests.e2e.sortline import succeed
from tests.e2e.test_main_job import ray_jobs
from tests.e2e.waiting import PATIENCE_S, RETRAIN, until, until_announced
from tests.tasks.ingest.pictures import photo
from tests.tasks.sources.trees import zip_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200), pytest.mark.filterwarnings("ignore")]

DATASET = "seen"
NAMES = ("a", "bb", "ccc")
CLUSTER = "Cluster: workers and budget"


@pytest.fixture(scope="module")
def person(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Logged in to Airflow."""
    with chromium() as browser:
        somebody = Person(stack, browser, screenshots(tmp_path_factory.mktemp("screenshots")))
        somebody.log_in()
        yield somebody


@pytest.fixture(scope="module")
def airflow(stack: Stack) -> AirflowApi:
    return AirflowApi(stack.airflow_url, stack.airflow_login())


@pytest.fixture(scope="module")
def store(stack: Stack) -> Iterator[ObjectStore]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment().items():
            patch.setenv(name, value)
        yield stack.settings().store("admin")


@pytest.fixture
def new_connection(airflow: AirflowApi) -> Iterator[str]:
    """The name of a connection that is gone afterwards."""
    yield "ray_by_hand"
    airflow._call("DELETE", "/api/v2/connections/ray_by_hand", ok={404})


@pytest.fixture(scope="module")
def photos(stack: Stack, airflow: AirflowApi) -> str:
    """A data set without a champion: its first good model is a promotion."""
    if airflow.variable(DATASET_VARIABLE) is None:
        # Or the new data set is that of the settings, and its event starts a training.
        airflow.set_variable(DATASET_VARIABLE, "another")
    made = succeed(stack.home, "ingest", "--source", "sample:", "--name", DATASET)
    until_announced(airflow, made["dag_run"])
    return DATASET


@pytest.fixture(scope="module")
def run(person: Person, photos: str) -> str:
    """A short training, ordered in the form."""
    form = person.trigger_form(RETRAIN)
    type_into(form, dataset=photos, epochs="3", image_px="128", note="for the picture")
    form.get_by_role("combobox").click()
    person.page.get_by_role("option", name="lite0_probe: ").click()
    switch = form.locator("label", has=form.page.locator("[name=element_require_approval]"))
    switch.click()
    expect(switch.locator("input")).to_be_checked()
    person.keep_dialog("form")
    return person.start(form)


@pytest.fixture(scope="module")
def approved(person: Person, run: str, stack: Stack) -> str:
    """The run, once a person has read the question and pressed Approve."""
    page = person.page
    # The list of required actions looks once; the run's page goes on looking.
    page.goto(f"/dags/{RETRAIN}/runs/{run}")
    expect(page.get_by_text("Required Action").first).to_be_visible(timeout=420_000)
    page.goto("/required_actions")
    page.get_by_role("link", name=f"Promote version 1 of {DATASET}?").click()
    expect(page.get_by_text("there is no champion to compare with")).to_be_visible()
    expect(page.get_by_text("note: for the picture")).to_be_visible()
    person.keep("approval")
    # A person reads meanwhile; an answer before that can be lost (known limits).
    until("the scheduler hears that the question is asked", lambda: asking_has_ended(stack, run))
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text(re.compile("Response received at .* from admin"))).to_be_visible()
    return run


def asking_has_ended(stack: Stack, run: str) -> bool:
    """Whether the scheduler knows that the process is gone which has asked a run's question."""
    heard = re.compile(
        rf"Received executor event .*task_id='approve', run_id='{re.escape(run)}', try_number=1,"
    )
    return heard.search(stack.log_of(Part.SCHEDULER).read_text()) is not None


def test_an_archive_is_ingested_from_the_form_with_a_class_map(
    person: Person, airflow: AirflowApi, photos: str, tmp_path: Path
):
    files = {f"{label}/{n}.jpg": photo(n * 9 + len(label)) for n in range(6) for label in NAMES}
    source = zip_of(tmp_path / "waste.zip", files)
    form = person.trigger_form("ingest_dataset")
    type_into(form, source=str(source), name="typed", class_map="merge:\n  瓶: [a, bb]")
    person.keep_dialog("ingest-form")
    run = person.start(form)
    until("the ingest", lambda: airflow.run_state("ingest_dataset", run) in ENDED)
    assert airflow.xcom("ingest_dataset", run, "publish")["classes"] == {"ccc": 6, "瓶": 12}
    until_announced(airflow, run)


def test_the_form_says_what_each_field_means(person: Person):
    form = person.trigger_form(RETRAIN)
    for text in ("Epochs", "Passes over the training images: 1 to 1000. Empty: as the recipe says"):
        expect(form.get_by_text(text, exact=True)).to_be_visible()
    form.get_by_role("combobox").click()
    expect(
        person.page.get_by_role("option", name="lite0_probe: EfficientNet-Lite0")
    ).to_be_visible()
    person.page.get_by_role("option", name="as the settings say").click()
    for section, field in ((CLUSTER, "Budget (minutes)"), ("Seed, other keys", "Seed")):
        form.get_by_text(section).click()
        expect(form.get_by_role("spinbutton", name=field)).to_be_visible()


def test_a_wrong_value_shows_its_message_and_starts_nothing(person: Person, airflow: AirflowApi):
    before = runs(airflow)
    form = person.trigger_form(RETRAIN)
    epochs = form.locator("[name=element_epochs]")
    epochs.press_sequentially("ten")
    expect(epochs).to_have_value("")
    refused(person, form, "epochs", "0", "0 is less than the minimum of 1")
    type_into(form, epochs="1")
    refused(person, form, "base_rate", "11", "11 is greater than the maximum of 10")
    type_into(form, base_rate="1")
    form.get_by_text(CLUSTER).click()
    refused(person, form, "workers_max", "9999", "9999 is greater than the maximum of 1024")
    assert runs(airflow) == before


def refused(person: Person, form: Locator, field: str, typed: str, message: str) -> None:
    type_into(form, **{field: typed})
    press_trigger(form)
    told = form.get_by_text(f"Invalid input for param {field}: {message}")
    expect(told).to_be_visible()
    told.scroll_into_view_if_needed()
    person.keep(f"wrong-{field}")


def test_what_was_typed_is_what_the_run_was_given(run: str, airflow: AirflowApi):
    conf = airflow._call("GET", f"/api/v2/dags/{RETRAIN}/dagRuns/{run}").json()["conf"]
    typed = {"dataset": DATASET, "recipe": "lite0_probe", "epochs": 3, "require_approval": True}
    assert conf.items() >= typed.items()


def test_while_it_trains_the_task_leads_to_its_job_on_rays_dashboard(
    person: Person, run: str, stack: Stack, airflow: AirflowApi
):
    until("the training", lambda: state_of(airflow, run, "train") == "deferred")
    job = started_job(stack, airflow, run)
    person.task(RETRAIN, run, "train", "details")
    dashboard = person.follow("Ray job")
    person.give_ray_token(dashboard)
    expect(dashboard.get_by_text(job, exact=True).first).to_be_visible()
    expect(dashboard.get_by_text("RUNNING", exact=True).first).to_be_visible()
    person.keep("ray-job", dashboard)
    dashboard.close()


def test_a_promotion_that_a_person_approves_turns_the_run_green(
    person: Person, approved: str, airflow: AirflowApi, store: ObjectStore
):
    page = person.page
    page.goto(f"/dags/{RETRAIN}/runs/{approved}")
    green = page.get_by_role("cell", name="Success")
    others = len(airflow.task_order(RETRAIN)) - 1  # nothing was to be compared again
    expect(green).to_have_count(others, timeout=1000 * PATIENCE_S)
    person.keep("run")
    until("the run's success", lambda: airflow.run_state(RETRAIN, approved) == "success")
    pointer = read_document(store, ChampionPointer, keys.champion(DATASET))
    assert pointer.model_version == 1
    assert pointer.history[-1].by == "gate, approved by admin"


def test_the_report_opens_from_its_task(person: Person, approved: str, airflow: AirflowApi):
    until("the run's success", lambda: airflow.run_state(RETRAIN, approved) == "success")
    person.task(RETRAIN, approved, "report", "details")
    mlflow = person.follow("Report")
    report = mlflow.frame_locator("iframe")
    expect(report.get_by_text("Promoted: this version became the champion")).to_be_visible()
    expect(report.get_by_text("a person (admin) approved the promotion")).to_be_visible()
    mlflow.get_by_role("button", name="Close", exact=True).click()  # what MLflow's assistant covers
    person.keep("report", mlflow)
    mlflow.close()


def test_the_run_opens_in_mlflow(person: Person, approved: str):
    person.task(RETRAIN, approved, "register", "details")
    mlflow = person.follow("MLflow run")
    expect(mlflow.get_by_text("val_accuracy").first).to_be_visible()
    expect(mlflow.get_by_text("lite0_probe").first).to_be_visible()
    person.keep("mlflow-run", mlflow)
    mlflow.close()


def test_marking_a_running_training_as_failed_ends_its_ray_job(
    person: Person, approved: str, stack: Stack, airflow: AirflowApi
):
    until("no other run", lambda: not airflow.active_runs(RETRAIN))
    long = airflow.trigger(RETRAIN, {"dataset": DATASET, "epochs": 900})
    until("the training", lambda: state_of(airflow, long, "train") == "deferred")
    job = started_job(stack, airflow, long)
    until("its job", lambda: ray_jobs(stack)[job] == "RUNNING")
    person.task(RETRAIN, long, "train")
    page = person.page
    page.get_by_role("button", name="Mark Task Instance as...").first.click()
    page.get_by_role("menuitem", name="Failed").click()
    person.dialog().get_by_role("button", name="Confirm").click()
    expect(page.get_by_test_id("state-badge").filter(has_text="Failed").first).to_be_visible()
    # Sooner than the reconciler comes, which would stop what the task does not.
    until("the job's end", lambda: ray_jobs(stack)[job] == "STOPPED")
    person.keep("marked")
    until("the run's failure", lambda: airflow.run_state(RETRAIN, long) == "failed")
    dashboard = opened(person, long)
    expect(dashboard.get_by_text("STOPPED", exact=True).first).to_be_visible()
    person.keep("ray-job-stopped", dashboard)


def test_a_ray_connection_is_made_in_its_own_form_and_tested(
    person: Person, stack: Stack, new_connection: str
):
    page = person.page
    page.goto("/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = person.dialog()
    form.locator("input[name=connection_id]").fill(new_connection)
    form.get_by_role("combobox").click()
    page.keyboard.type("Ray")
    page.get_by_role("option", name="Ray", exact=True).click()
    for label in ("Dashboard address", "Port", "Token"):
        expect(form.get_by_text(label, exact=True)).to_be_visible()
    address, port = stack.ray_dashboard_url.rsplit(":", 1)
    form.locator("input[name=host]").fill(address)
    form.locator("input[name=port]").fill(port)
    form.locator("input[name=password]").fill("not the token")
    form.get_by_text("Extra Fields", exact=True).click()
    for label in ("Verify TLS", "CA bundle", "Headers", "Dashboard address for people"):
        expect(form.get_by_text(label, exact=True)).to_be_visible()
    expect(form.locator("input[name=host]")).to_be_hidden()  # its section closes
    person.keep("connection")
    form.get_by_role("button", name="Save").click()
    press_test(page)
    expect(page.get_by_text("refuses the token")).to_be_visible()
    person.keep("connection-refused")
    page.get_by_role("button", name="Edit Connection").click()
    form = person.dialog()
    form.locator("input[name=password]").fill(ray_token(stack))
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    press_test(page)
    expect(page.get_by_text(f"answers at {stack.ray_dashboard_url}")).to_be_visible()
    person.keep("connection-tested")


def press_test(page: Page) -> None:
    page.get_by_role("button", name="Test Connection").click()


def opened(person: Person, run_id: str) -> Page:
    """Ray's page of the training, asked for the token or not."""
    person.task(RETRAIN, run_id, "train", "details")
    dashboard = person.follow("Ray job")
    asks = dashboard.locator("input[type=password]")
    expect(asks.or_(dashboard.get_by_text("STOPPED", exact=True)).first).to_be_visible()
    if asks.count():
        person.give_ray_token(dashboard)
    return dashboard


def runs(airflow: AirflowApi) -> set[str]:
    """Those that were ordered, not those that a new version has started."""
    query = "run_type=manual&limit=100"
    body = airflow._call("GET", f"/api/v2/dags/{RETRAIN}/dagRuns?{query}").json()
    return {one["dag_run_id"] for one in body["dag_runs"]}


def state_of(airflow: AirflowApi, run_id: str, task_id: str) -> str | None:
    return {task.task_id: task.state for task in airflow.tasks(RETRAIN, run_id)}[task_id]


def started_job(stack: Stack, airflow: AirflowApi, run_id: str) -> str:
    name = f"sortline-{airflow.xcom(RETRAIN, run_id, 'plan', 'plan')['run_id']}-train-"
    (job,) = [job for job in ray_jobs(stack) if job.startswith(name)]
    return job
