"""A person at a screen: headless Chromium on the real pages of Airflow, Ray and MLflow."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    HttpCredentials,
    Locator,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from infra.local.stack import Stack

# The pages poll every few seconds, and ask again where Airflow's API stalls (known limits); a
# machine that is busy takes its time.
PATIENCE_MS = 90_000
SIZE: ViewportSize = {"width": 1600, "height": 1060}
# Airflow keeps closed dialogs and pop-ups in the page.
_OPEN_DIALOG = "[role=dialog][data-scope=dialog][data-state=open]"


@contextmanager
def chromium() -> Generator[Browser]:
    """The system's Chromium; the test is skipped, with a reason, where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        # No sandbox: it refuses root. No /dev/shm: that of a container is small.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(
            executable_path=path, args=arguments, timeout=PATIENCE_MS
        )
        try:
            yield browser
        finally:
            browser.close()


class Person:
    """Somebody with a browser and the stack's passwords; keeps what was on the screen."""

    def __init__(self, stack: Stack, browser: Browser, shots: Path) -> None:
        self._stack = stack
        self._shots = shots
        shots.mkdir(parents=True, exist_ok=True)
        self._context = self._open(browser)
        self.page = self._context.new_page()

    def _open(self, browser: Browser) -> BrowserContext:
        user, password = self._stack.mlflow_login()
        mlflow: HttpCredentials = {
            "username": user,
            "password": password,
            "origin": self._stack.mlflow_url,
        }
        context = browser.new_context(
            viewport=SIZE, base_url=self._stack.airflow_url, http_credentials=mlflow
        )
        context.set_default_timeout(PATIENCE_MS)
        return context

    def keep(self, name: str, page: Page | None = None) -> None:
        """Keep what is on the screen now as `<name>.png`."""
        (page or self.page).screenshot(path=self._shots / f"{name}.png")

    def keep_dialog(self, name: str) -> None:
        """Keep the whole of the dialog that is open, also what one would have to scroll to."""
        self.page.set_viewport_size({"width": SIZE["width"], "height": 1800})
        path, place = self._shots / f"{name}.png", self.dialog().bounding_box()
        self.page.screenshot(path=path, clip=place)
        self.page.set_viewport_size(SIZE)

    def log_in(self) -> None:
        """Type name and password into Airflow's own form."""
        user, password = self._stack.airflow_login()
        self.page.goto("/")
        self.page.fill("input[name=username]", user)
        self.page.fill("input[name=password]", password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("link", name="Dags", exact=True)).to_be_visible()

    def trigger_form(self, dag_id: str) -> Locator:
        """Open the DAG's page, and its form."""
        self.page.goto(f"/dags/{dag_id}")
        self.page.get_by_role("button", name="Trigger").first.click()
        form = self.dialog()
        expect(form.get_by_text("Run Parameters")).to_be_visible()
        return form

    def dialog(self) -> Locator:
        """The dialog that is open, once it is."""
        dialog = self.page.locator(_OPEN_DIALOG)
        expect(dialog).to_be_visible()
        return dialog

    def start(self, form: Locator) -> str:
        """Press the form's Trigger; the page goes to the new run by itself. Returns its id."""
        press_trigger(form)
        self.page.wait_for_url(re.compile("/runs/[^/]+$"))
        return self.page.url.rsplit("/", 1)[1]

    def task(self, dag_id: str, run_id: str, task_id: str, tab: str = "") -> None:
        """Open a task's page of a run."""
        self.page.goto(f"/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/{tab}")

    def follow(self, link: str) -> Page:
        """Press one of the extra links of the task's page; it opens in a page of its own."""
        button = self.page.get_by_role("link", name=link, exact=True)
        with self._context.expect_page() as opened:
            button.click()
        return opened.value

    def give_ray_token(self, page: Page) -> None:
        """Type the token into the dialog of Ray's dashboard."""
        page.locator("input[type=password]").fill(ray_token(self._stack))
        page.get_by_role("button", name="Submit").click()
        expect(page.get_by_text("Authentication Token Required")).to_have_count(0)


def press_trigger(form: Locator) -> None:
    """Press the form's own button, not the page's behind it."""
    form.locator("button:has-text('Trigger')").last.click()


def type_into(form: Locator, **values: str) -> None:
    """Type into the open section's fields, by the parameter's name."""
    for name, value in values.items():
        form.locator(f"[name=element_{name}]").fill(value)


def screenshots(default: Path) -> Path:
    """Where pictures are kept: SORTLINE_SCREENSHOTS, or a folder of pytest's own."""
    return Path(os.environ.get("SORTLINE_SCREENSHOTS") or default)


def ray_token(stack: Stack) -> str:
    """What Ray's dashboard asks for."""
    assert stack.ray_token_file is not None
    return stack.ray_token_file.read_text().strip()
