"""The report of a run."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.dataset import SourceRef
from ray_jobs.contract.verdict import Decision
from tasks.card import assemble_card
from tasks.report import publish_report, render
from tasks.report.view import (
    class_rows,
    confusion_cells,
    recipe_rows,
    split_rows,
    worst_mistakes,
)
from tests.fakes import InMemoryStore
from tests.tasks.documents import (
    CLASSES,
    evaluation,
    manifest,
    scores,
    training,
    verdict,
    write_run,
)

SCORES = scores(41)
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def card() -> ModelCard:
    store = InMemoryStore()
    write_run(store)
    return assemble_card(store, "abc", "sample", 7)


@pytest.fixture(scope="module")
def html(card) -> str:
    return render(card, manifest())


class Page(HTMLParser):
    """The text that a reader sees, and every address that the page names."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self._in_style = False
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._in_style = tag == "style"
        self.addresses += [value for name, value in attrs if name in {"src", "href", "xlink:href"}]

    def handle_endtag(self, tag):
        self._in_style = False

    def handle_data(self, data):
        if not self._in_style:
            self.words.append(data)


def test_page_says_the_verdict_and_its_reasons_first(html):
    page = Page(html)
    assert page.text.index("Promoted: this version is the champion") < page.text.index("because")
    assert page.text.index("because") < page.text.index("Test accuracy")


def test_page_shows_the_accuracy_with_its_interval_beside_the_champions(card):
    champion = scores(39, version=3)
    beside = card.model_copy(update={"evaluation": evaluation(SCORES, champion)})
    text = Page(render(beside, manifest())).text
    assert "0.911 41 of 45 images; 95% interval 0.811 to 1.000" in text
    assert "Compared with champion version 3 0.867 39 of 45 images" in text


def test_page_of_a_first_run_says_that_there_was_no_champion(html):
    assert "none before this run" in Page(html).text


def test_page_of_a_kept_champion_does_not_look_like_a_promotion(card):
    kept = card.model_copy(update={"verdict": verdict(decision=Decision.KEPT)})
    html = render(kept, manifest())
    assert '<section class="verdict kept">' in html
    assert "Kept: the champion stays" in Page(html).text


def test_page_needs_nothing_but_itself(html):
    page = Page(html)
    assert not {"script", "img", "iframe", "object"} & set(page.tags)
    assert [address for address in page.addresses if not address.startswith(("#", "data:"))] == []
    assert "url(http" not in html
    assert "@import" not in html
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html


def test_page_draws_four_figures_that_a_screen_reader_names(html):
    labels = re.findall(r'<svg role="img" aria-label="([^"]+)"', html)
    assert labels[0] == "Test accuracy with 95% intervals: version 7 0.911"
    assert [label.split(" an epoch")[0] for label in labels[1:]] == [
        *("Accuracy", "Loss", "Learning rate"),
    ]


def test_figures_take_their_colours_from_the_page(html):
    figures = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert "var(--first)" in figures
    assert re.findall(r"#[0-9a-f]{6}\b", figures) == []


def test_no_id_stands_twice_with_two_meanings(html):
    found = re.findall(r'<(\w+) [^>]*\bid="([^"]+)"', html)
    kinds: dict[str, set[str]] = {}
    for tag, name in found:
        kinds.setdefault(name, set()).add(tag)
    assert all(len(tags) == 1 for tags in kinds.values())


def test_the_same_card_gives_the_same_page(card, html):
    assert render(card, manifest()) == html


def test_one_epoch_and_a_class_without_images_are_drawn_too(card):
    empty = scores(41).model_copy(update={"confusion": ((0, 0, 0), (0, 15, 0), (2, 0, 13))})
    one = {"training": training(epochs=1), "evaluation": evaluation(empty)}
    text = Page(render(card.model_copy(update=one), manifest())).text
    assert "1 epoch on 2 workers" in text
    assert "no images" in text


def test_text_of_the_run_is_never_markup(card):
    spec = card.spec.model_copy(update={"note": "<script>alert(1)</script>"})
    html = render(card.model_copy(update={"spec": spec}), manifest())
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_page_names_data_set_code_and_every_export_file(html):
    text = Page(html).text
    assert "sample, version v1" in text
    assert "deadbeef" in text
    assert "saved_model.pb 1,234 " + "0123456789abcdef" * 4 in text
    assert "300 images kept; set aside: 4 duplicate, 2 in conflict, 1 quarantined." in text


def test_page_tells_what_was_noted_of_files_and_what_the_class_map_did(card, html):
    assert "Noted of files" not in html
    assert "Class map" not in html
    source = SourceRef(uri="s3://b/p", format="huawei", class_map={"可回收物/锅": "锅", "x": None})
    noted = {"checks": {"alpha": 2, "truncated": 1}, "source": source}
    text = Page(render(card, manifest().model_copy(update=noted))).text
    assert "Noted of files: alpha 2, truncated 1." in text
    assert "Class map: 可回收物/锅 became 锅, x dropped." in text


def test_class_names_of_any_script_and_with_a_slash_are_shown_as_they_are(card):
    names = ("可回收物/易拉罐", "厨余垃圾/蛋壳", "<b>&")
    renamed = dict(zip(CLASSES, names, strict=True))
    training_ = card.training.model_copy(update={"classes": names})
    mine = SCORES.model_copy(
        update={"classes": {renamed[name]: score for name, score in SCORES.classes.items()}}
    )
    changed = {"training": training_, "evaluation": evaluation(mine)}
    html = render(card.model_copy(update=changed), manifest())
    assert "可回收物/易拉罐" in Page(html).text
    assert "&lt;b&gt;&amp;" in html
    assert "Noto Sans CJK SC" in html


def test_counts_of_a_class_come_from_the_confusion_matrix():
    glass, metal, paper = class_rows(CLASSES, SCORES)
    assert (glass.found, glass.images, glass.answered) == (13, 15, 15)
    assert (metal.found, metal.images, metal.answered) == (15, 15, 16)
    assert (paper.found, paper.images, paper.answered) == (13, 15, 14)


def test_shares_of_the_confusion_matrix_are_those_of_a_row():
    cells = confusion_cells(SCORES)
    assert cells[2][0] == (2, 2 / 15, False)
    assert [cell.right for cell in cells[1]] == [False, True, False]


def test_worst_mistakes_come_first():
    mistakes = worst_mistakes(CLASSES, SCORES, most=2)
    assert mistakes == [("paper", "glass", 2, 15), ("glass", "metal", 1, 15)]


def test_images_are_summed_up_by_class_and_by_split():
    rows = split_rows(manifest())
    assert rows[0] == ("glass", [70, 15, 15, 100])
    assert rows[-1] == ("all", [210, 45, 45, 300])


def test_recipe_is_shown_as_it_can_be_set(card):
    rows = dict(recipe_rows(card))
    assert (rows["schedule.base_lr"], rows["weights"]) == ("0.01", "null")
    assert rows["augment.flips"] == "false"


def test_report_is_written_once(card):
    store = InMemoryStore()
    key = publish_report(store, card, manifest())
    assert key == "runs/abc/report.html"
    first = store.get(key)
    assert publish_report(store, card, manifest("other")) == key
    assert store.get(key) == first


@pytest.mark.e2e
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium, which lays the page out, is not installed")
@pytest.mark.parametrize("width_px", [400, 1400])
def test_page_is_never_wider_than_the_window(html, tmp_path: Path, width_px):
    from playwright.sync_api import sync_playwright

    file = tmp_path / "report.html"
    file.write_text(html)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": width_px, "height": 900})
        told: list[str] = []
        page.on("console", lambda message: told.append(message.text))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width_px
        assert told == []
        browser.close()
