"""The report in a browser: everything is there, nothing is fetched, nothing sticks out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tasks.report import publish_report
from tests.e2e.browser import chromium, screenshots
from tests.fakes import InMemoryStore
from tests.tasks.judging.judged_run import CLASSES, EXHIBITS, write_judged_run

pytestmark = pytest.mark.e2e

FIGURES = 9 + 2 * EXHIBITS
# A drawing has something in the first colour, which axes alone have not; a picture has pixels.
_EMPTY = """figures => figures.filter(figure => {
  const drawn = [...figure.querySelectorAll("svg, img")];
  const seen = one => {
    const box = one.getBoundingClientRect();
    const holds = one.naturalWidth || one.querySelectorAll('[style*="var(--first)"]').length;
    return box.width > 50 && box.height > 50 && holds > 0;
  };
  return drawn.length === 0 || !drawn.every(seen);
}).map(figure => figure.textContent.trim())"""
# What sticks out of the window without a region of its own to scroll in.
_CLIPPED = """() => [...document.querySelectorAll("main *")].filter(one =>
  !one.closest(".scroll") && one.getBoundingClientRect().right > innerWidth + 1
).map(one => one.outerHTML.slice(0, 100))"""
# How far apart the glyphs of two characters are drawn: a font without them draws one box for all.
_DIFFERENT = """characters => {
  const drawn = character => {
    const canvas = document.createElement("canvas");
    const brush = canvas.getContext("2d");
    brush.font = "32px " + getComputedStyle(document.body).fontFamily;
    brush.fillText(character, 4, 40);
    return brush.getImageData(0, 0, 60, 60).data.join();
  };
  return new Set([...characters].map(drawn)).size;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run with a champion, on disk."""
    store = InMemoryStore()
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_bytes(store.get(publish_report(store, *write_judged_run(store))))
    return file


@pytest.fixture(params=[400, 1400])
def width_px(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(params=["light", "dark"])
def page(
    request: pytest.FixtureRequest, browser: Browser, file: Path, width_px: int, tmp_path: Path
) -> Iterator[Page]:
    """The report, open; what it says on the console or asks for is a failure."""
    context = browser.new_context(
        viewport={"width": width_px, "height": 900}, color_scheme=request.param
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(error.message))
    page.on("request", lambda asked: said.append(asked.url[:80]) if _leaves(asked.url) else None)
    page.goto(file.as_uri())
    yield page
    shot = screenshots(tmp_path) / f"report-{width_px}-{request.param}.png"
    page.screenshot(path=shot, full_page=True)
    assert said == []
    context.close()


def _leaves(url: str) -> bool:
    return not url.startswith(("data:", "file:"))


def test_every_figure_is_there_and_nothing_sticks_out(page, width_px):
    assert page.evaluate("document.documentElement.scrollWidth") == width_px
    assert page.evaluate(_CLIPPED) == []
    assert page.locator("figure").count() == FIGURES
    assert page.locator("figure").evaluate_all(_EMPTY) == []


def test_no_table_is_wider_than_a_large_window(browser, file):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(file.as_uri())
    wide = (
        "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.ariaLabel)"
    )
    assert page.locator(".scroll").evaluate_all(wide) == []


def test_a_table_on_a_telephone_is_scrolled_by_itself(browser, file):
    page = browser.new_page(viewport={"width": 400, "height": 900})
    page.goto(file.as_uri())
    region = page.get_by_role("region", name="Classes", exact=True)
    region.evaluate("one => one.scrollLeft = 1000")
    assert region.evaluate("one => one.scrollLeft") > 100
    assert page.evaluate("scrollX") == 0


def test_chinese_labels_are_no_boxes(browser, file):
    page = browser.new_page()
    page.goto(file.as_uri())
    assert page.get_by_text(CLASSES[0]).count() > 10
    characters = "".join(sorted(set("".join(CLASSES)) - {"/"}))
    assert page.evaluate(_DIFFERENT, characters) == len(characters)
