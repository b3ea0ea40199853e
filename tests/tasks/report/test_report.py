"""The report of a run."""

from __future__ import annotations

import io
import math
import re
import tracemalloc
from html.parser import HTMLParser

import pytest
from markupsafe import escape
from PIL import Image

from ray_jobs.contract import keys
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.dataset import DatasetManifest, ImageState, SourceRef, Split
from ray_jobs.contract.errors import DataError
from ray_jobs.contract.evaluation import Answer, ExhibitKind
from ray_jobs.contract.export import ExportFormat
from ray_jobs.contract.verdict import Check, Decision, Finding
from tasks.dataset.entries import Entry
from tasks.judging.card import assemble_card
from tasks.report import publish_report
from tasks.report.beside import class_rows, columns, rows
from tasks.report.confusion import answered_outside, cells, worst_mistakes
from tasks.report.fonts import families, undrawn
from tasks.report.gallery import who_is_right
from tasks.report.material import Material, gather
from tasks.report.page import Figure, plots_of, render
from tasks.report.plot import svg
from tasks.report.set_aside import set_aside
from tasks.report.shipped import format_rows
from tasks.report.steps import Step, read_steps, smoothed, thinned
from tasks.report.view import recipe_rows, split_rows
from tests.fakes import InMemoryStore
from tests.tasks.documents import (
    CLASSES,
    comparison,
    estimate,
    evaluation,
    exhibit,
    manifest,
    publish,
    registration,
    scores,
    training,
    verdict,
    verification,
    write_run,
)
from tests.tasks.judging.judged_run import CLASSES as CHINESE
from tests.tasks.judging.judged_run import EXHIBITS, write_judged_run

SCORES = scores(41)
FIGURES = [
    *("scores", "loss", "accuracy", "learning-rate"),
    *("recall", "precision", "f1", "confusion", "reliability"),
]

needs_a_chinese_font = pytest.mark.skipif(
    families() == ["DejaVu Sans"], reason="no Chinese font is installed (Debian: fonts-noto-cjk)"
)


@pytest.fixture(scope="module")
def store() -> InMemoryStore:
    store = InMemoryStore()
    write_run(store)
    publish(store, manifest())
    return store


@pytest.fixture(scope="module")
def card(store) -> ModelCard:
    return assemble_card(store, "abc", "sample", 7)


@pytest.fixture(scope="module")
def html(store, card) -> str:
    return page_of(gather(store, card, manifest()))


@pytest.fixture(scope="module")
def judged() -> tuple[InMemoryStore, str]:
    """The store of a run with a champion and all its pictures, and the key of its report."""
    store = InMemoryStore()
    return store, publish_report(store, *write_judged_run(store))


@pytest.fixture(scope="module")
def whole(judged) -> str:
    store, key = judged
    return store.get(key).decode()


class Page(HTMLParser):
    """The text that a reader sees, and every address that is fetched to show the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.alts: list[str] = []
        self._in_style = False
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._in_style = tag == "style"
        said = dict(attrs)
        links = {"src", "href", "xlink:href"} if tag != "a" else set()
        self.fetched += [said[name] for name in links & said.keys()]
        if tag == "img":
            self.alts.append(said["alt"])

    def handle_endtag(self, tag):
        self._in_style = False

    def handle_data(self, data):
        if not self._in_style:
            self.words.append(data)


def changed(card: ModelCard, data: DatasetManifest | None = None, **parts: object) -> str:
    """The page of a card some of whose documents are others, without pictures."""
    beside = card.model_copy(update=parts)
    quiet = beside.evaluation.model_copy(update={"exhibits": ()})
    return page_of(Material(beside.model_copy(update={"evaluation": quiet}), data or manifest()))


def page_of(material: Material) -> str:
    """The page with the titles of its figures in their places: to draw them takes a second."""
    return render(material, [Figure(plot, escape(plot.title)) for plot in plots_of(material)])


def drawn(card: ModelCard, name: str) -> str:
    """One figure of a card's report."""
    return svg(next(plot for plot in plots_of(Material(card, manifest())) if plot.name == name))


def test_page_says_the_verdict_and_its_reasons_first(html):
    text = Page(html).text
    assert text.index("Promoted: this version became the champion") < text.index("because")
    assert text.index("because") < text.index("What the gate looked at")
    assert text.index("What the gate looked at") < text.index("Test figures")


def test_page_of_a_kept_champion_does_not_look_like_a_promotion(card):
    html = changed(card, verdict=verdict(decision=Decision.KEPT))
    assert '<section class="verdict kept">' in html
    assert "Kept: the champion stayed" in Page(html).text


def test_findings_are_told_in_words_whichever_way_they_speak(card):
    against = Finding(check=Check.LATENCY, passed=False, fact="12 ms, at most 10")
    for_it = Finding(check=Check.DATA, passed=True, fact="45 test images")
    told = verdict().model_copy(update={"findings": (for_it, against)})
    text = Page(changed(card, verdict=told)).text
    assert "data ✔ passed 45 test images" in text
    assert "latency ✘ failed 12 ms, at most 10" in text


def test_page_of_a_first_run_says_that_there_was_no_champion(html):
    text = Page(html).text
    assert "none before this run" in text
    assert "decide differently" not in text


def test_page_shows_each_figure_with_its_interval_beside_the_champions(card):
    text = Page(changed(card, evaluation=evaluation(SCORES, scores(39, version=3)))).text
    assert "accuracy 0.911 (0.811 to 1.011) 0.867 (0.767 to 0.967) +0.044" in text
    assert "Accuracy of champion, version 3 0.867 39 of 45 images" in text
    assert "Right alone 2 : 0" in text
    assert "p = 0.25" in text  # two of two: a half times a half
    assert "log-loss without temperature 0.400 (0.300 to 0.500) 0.400 (0.300 to 0.500)" in text
    assert "calibration error without temperature 0.080 (0.060 to 0.100) 0.080" in text
    assert "accuracy of the three likeliest not defined" in text  # of three classes


def test_page_tells_how_worn_the_test_images_are_and_which_were_left_out(html):
    text = Page(html).text
    assert (
        "3 verdicts rest on this model's test split already, 2 of them on exactly these images"
        in text
    )
    assert "1 test image was left out" in text
    assert "images ✔ passed 45 test images, at least 10" in text


def test_models_that_know_the_same_classes_stand_in_a_column_each(card):
    mine, theirs = scores(41, 45), scores(38, 45, version=3)
    again = mine.model_copy(update={"macro_f1": estimate(math.nextafter(41 / 45, 1), 45)})
    judged = evaluation(SCORES).model_copy(update={"comparison": comparison(again, theirs)})
    beside = card.model_copy(update={"evaluation": judged})
    assert [column.name for column in columns(beside)] == ["version 7", "champion, version 3"]


def test_a_champion_that_knows_fewer_classes_is_compared_on_those(card):
    mine, theirs = scores(28, 30), scores(25, 30, version=3)
    shared = comparison(mine, theirs).model_copy(
        update={"classes": CLASSES[:2], "images_of_other_classes": 15}
    )
    judged = evaluation(SCORES).model_copy(update={"comparison": shared})
    beside = card.model_copy(update={"evaluation": judged})
    assert [column.name for column in columns(beside)] == [
        "version 7",
        "version 7, classes that both know",
        "champion, version 3",
    ]
    assert rows(beside)[0].figures == [
        "0.911 (0.811 to 1.011)",
        "0.933 (0.833 to 1.033)",
        "0.833 (0.733 to 0.933)",
    ]
    glass, _, paper = class_rows(beside)
    assert glass.candidate.recall.value == pytest.approx(28 / 30)
    assert paper.candidate.recall.value == pytest.approx(41 / 45)
    assert paper.champion is None
    text = Page(changed(card, evaluation=judged)).text
    assert "does not know the classes of 15 images" in text


def test_what_is_not_defined_is_said_and_not_drawn_as_zero(card):
    nothing = SCORES.model_copy(update={"accuracy": estimate(None), "macro_f1": estimate(None, 0)})
    text = Page(changed(card, evaluation=evaluation(nothing))).text
    assert "accuracy not defined" in text
    assert "macro F1 no images" in text


def test_page_needs_nothing_but_itself(whole):
    page = Page(whole)
    assert not {"script", "iframe", "object", "base"} & set(page.tags)
    assert page.tags.count("img") == 4 * EXHIBITS
    assert [one for one in page.fetched if not one.startswith(("#", "data:"))] == []
    assert "url(http" not in whole
    assert "@import" not in whole
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in whole


def test_page_draws_nine_figures_that_a_screen_reader_names(whole):
    labels = re.findall(r'<svg role="img" aria-label="([^"]+)"', whole)
    assert len(labels) == len(FIGURES)
    assert labels[0].startswith("Test figures: accuracy: version 12 0.912, champion, version 9")
    assert labels[7].startswith("Confusion matrix; most often 可回收物/饮料瓶 taken for")
    assert labels[8].endswith("version 12 0.031, champion, version 9 0.031")


def test_every_figure_is_drawn_in_the_colours_of_the_page(whole):
    figures = dict(zip(FIGURES, re.findall(r"<svg.*?</svg>", whole, re.DOTALL), strict=True))
    assert all("var(--first)" in figure for figure in figures.values())
    alone = [name for name, figure in figures.items() if "var(--second)" not in figure]
    assert alone == ["learning-rate"]
    assert set(re.findall(r"#[0-9a-f]{6}\b", "".join(figures.values()))) <= {"#000000"}


def test_no_id_stands_twice_with_two_meanings(whole):
    found = re.findall(r'<(\w+) [^>]*\bid="([^"]+)"', whole)
    kinds: dict[str, set[str]] = {}
    for tag, name in found:
        kinds.setdefault(name, set()).add(tag)
    assert all(len(tags) == 1 for tags in kinds.values())


def test_the_same_material_gives_the_same_page(store, card, html):
    assert page_of(gather(store, card, manifest())) == html


def test_figures_lie_beside_the_report_as_pngs_on_white(judged):
    store, _ = judged
    found = {
        key.rpartition("/")[2]: store.get(key) for key in store.keys("judged/7abc04f1f4c8/fig")
    }
    assert sorted(found) == sorted(f"{name}.png" for name in FIGURES)
    for data in found.values():
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.getpixel((1, 1))[:3] == (255, 255, 255)
            assert picture.info["dpi"] == pytest.approx((150, 150), abs=0.1)
            assert len(picture.convert("RGB").getcolors(2**20) or ()) > 100


def test_a_class_named_with_dollars_is_no_formula(card):
    renamed = dict(zip(("$x$", "<b>&", "y"), SCORES.classes.values(), strict=True))
    mine = SCORES.model_copy(update={"classes": renamed})
    figure = drawn(card.model_copy(update={"evaluation": evaluation(mine)}), "confusion")
    assert ">$x$</text>" in figure
    assert "&lt;b&gt;&amp;" in figure


def test_chinese_names_stand_in_text_and_figures(whole):
    figures = re.findall(r"<svg.*?</svg>", whole, re.DOTALL)
    assert all(f">{name}</text>" in figures[4] for name in CHINESE)
    assert all(f">{name}</text>" in figures[7] for name in CHINESE)
    assert "Noto Sans CJK SC" in whole


def test_one_epoch_without_steps_and_a_class_without_images_are_drawn_too(card):
    none = SCORES.classes["glass"].model_copy(update={"images": 0, "recall": estimate(None, 0)})
    empty = SCORES.model_copy(
        update={
            "classes": {**SCORES.classes, "glass": none},
            "confusion": ((0, 0, 0), (0, 15, 0), (2, 0, 13)),
        }
    )
    one = {"training": training(epochs=1), "evaluation": evaluation(empty)}
    assert all(drawn(card.model_copy(update=one), name).endswith("</svg>\n") for name in FIGURES)
    text = Page(changed(card, **one)).text
    assert "1 epoch on 2 workers" in text
    assert "no images" in text
    assert "no single steps were kept" in text


def test_text_of_the_run_is_never_markup(card):
    spec = card.spec.model_copy(update={"note": "<script>alert(1)</script>"})
    html = changed(card, spec=spec)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_curves_show_every_step_and_how_they_were_smoothed(whole):
    text = Page(whole).text
    assert "Faint: one step of 3. Line: smoothed, the mean of the 61 steps around each." in text


def test_a_step_that_was_trained_twice_counts_as_the_last_time():
    csv = b"step,epoch,learning_rate,loss,accuracy\n1,1,0.1,9,0\n2,1,0.1,8,0\n2,1,0.2,7,0.5\n"
    assert read_steps(csv) == [Step(1, 0.1, 9, 0), Step(2, 0.2, 7, 0.5)]


def test_a_step_is_added_up_once_however_long_the_window():
    class Loss(float):
        additions = 0

        def __radd__(self, other: float) -> float:
            Loss.additions += 1
            return other + float(self)

    smooth = smoothed([Loss(step) for step in range(1000)], window=101)
    assert (smooth[0], smooth[500], smooth[-1]) == (25, 500, 974)
    assert Loss.additions == 1000


@pytest.mark.parametrize("count", [0, 1, 399, 400, 401, 10_000])
def test_a_long_run_is_drawn_with_at_most_400_points_and_its_last(count):
    drawn = thinned(range(count))
    assert len(drawn) <= 400
    assert drawn[-1:] == list(range(count))[-1:]
    assert len(drawn) >= min(count, 200)


def test_shares_of_the_confusion_matrix_are_those_of_a_row():
    found = list(cells(SCORES))
    assert (2, 0, 2, 2 / 15) in found
    assert [(cell.row, cell.column) for cell in found].count((1, 1)) == 1
    assert len(found) == 6  # three cells are empty


def test_worst_mistakes_come_first():
    mistakes = worst_mistakes(SCORES, most=2)
    assert mistakes == [("paper", "glass", 2, 15), ("glass", "metal", 1, 15)]


def test_an_answer_that_is_no_class_of_the_split_is_counted():
    outside = SCORES.model_copy(update={"confusion": ((13, 0, 1), (0, 12, 0), (2, 0, 13))})
    assert answered_outside(outside) == 4


@pytest.mark.parametrize(
    ("mine", "theirs", "right"),
    [
        ("glass", "metal", "candidate"),
        ("metal", "glass", "champion"),
        ("metal", "paper", "neither"),
        ("glass", "glass", "both"),
        ("metal", None, "neither"),
    ],
)
def test_who_is_right_is_who_says_the_label(mine, theirs, right):
    shown = exhibit("abc", ExhibitKind.DISAGREEMENT).model_copy(
        update={
            "candidate": Answer(label=mine, probability=0.9),
            "champion": theirs and Answer(label=theirs, probability=0.9),
        }
    )
    assert who_is_right(shown) == right


def test_pictures_stand_beside_their_overlays_with_what_was_answered(whole):
    page = Page(whole)
    assert page.alts[:2] == [
        "An image of 其他垃圾/陶瓷碎片",
        "The same, lit where it speaks for 可回收物/易拉罐",
    ]
    assert "可回收物/易拉罐 99.7%" in page.text
    told = ("this version is right", "the champion is right", "both are wrong")
    assert [page.text.count(words) for words in told] == [8, 8, 8]


def test_a_gallery_says_of_how_many_images_it_shows_a_part(whole, html):
    text = Page(whole).text
    assert "24 images, the surest mistake first." in text
    assert (
        "24 of 1,300 images; right among those shown: this version alone 8, "
        "the champion alone 8, neither 8. Grad-CAM is" in text
    )
    assert "1 image, the surest mistake first." in Page(html).text  # its evaluation counts none


def test_a_picture_that_is_not_what_was_written_stops_the_report(store, card):
    broken = InMemoryStore()
    broken.objects = dict(store.objects)
    for shown in card.evaluation.exhibits:
        broken.put(shown.overlay.key, b"another")
    with pytest.raises(DataError, match="has sha256"):
        publish_report(broken, card, manifest())


def test_files_that_are_not_kept_are_counted_by_reason():
    entries = [
        Entry("a", "x", ImageState.KEPT),
        Entry("b", "x", ImageState.QUARANTINED, reason="is cut off: 9 bytes"),
        Entry("c", "x", ImageState.QUARANTINED, reason="is too small: 3 px"),
        Entry("d", "x", ImageState.QUARANTINED, reason="is cut off: 7 bytes"),
        Entry("e", "x", ImageState.DUPLICATE, duplicate_of="a"),
    ]
    assert [(one.state, one.reason, one.files, one.example) for one in set_aside(entries)] == [
        (ImageState.DUPLICATE, "shows what another file shows", 1, "e (kept: a)"),
        (ImageState.QUARANTINED, "is cut off", 2, "b"),
        (ImageState.QUARANTINED, "is too small", 1, "c"),
    ]


def test_files_are_counted_and_not_held():
    paths = (f"{number:06}" for number in range(20_000))
    tracemalloc.start()
    (aside,) = set_aside(Entry(p, "x", ImageState.DUPLICATE, duplicate_of="a") for p in paths)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (aside.files, aside.example) == (20_000, "000000 (kept: a)")
    assert peak_bytes < 100_000  # held, an entry takes 200


def test_page_tells_what_was_set_aside_of_the_data_set(html):
    text = Page(html).text
    assert "300 images kept; set aside: 4 duplicate, 2 in conflict, 1 quarantined." in text
    assert "quarantined: is cut off 1 7.jpg" in text


def test_page_tells_what_was_noted_of_files_and_what_the_class_map_did(card, html):
    assert "Noted of files" not in html
    assert "Class map" not in html
    source = SourceRef(uri="s3://b/p", format="huawei", class_map={"可回收物/锅": "锅", "x": None})
    noted = {"checks": {"alpha": 2, "truncated": 1}, "source": source}
    text = Page(changed(card, data=manifest().model_copy(update=noted))).text
    assert "Noted of files: alpha 2, truncated 1." in text
    assert "Class map: 可回收物/锅 became 锅, x dropped." in text


def test_images_are_summed_up_by_class_and_by_split():
    table = split_rows(manifest(), None)
    assert table[0] == ("glass", [70, 15, 15, 100])
    assert table[-1] == ("all", [210, 45, 45, 300])


def test_a_model_judged_on_a_newer_version_is_shown_with_the_test_split_of_that(store, card, html):
    assert "Data set, version v1" in Page(html).text
    assert "judged on version" not in Page(html).text
    newer = manifest(version="v2").model_copy(
        update={"classes": (*CLASSES, "trash"), "splits": splits_of_version_2()}
    )
    grown = InMemoryStore()
    grown.objects = dict(store.objects)
    publish(grown, newer)
    there = card.spec.manifest.model_copy(
        update={"version": "v2", "key": keys.manifest("sample", "v2")}
    )
    later = card.evaluation.model_copy(update={"manifest": there})
    judged = card.model_copy(update={"evaluation": later})
    text = Page(page_of(gather(grown, judged, manifest()))).text
    assert "Data set, version v1" in text
    assert "judged on version v2, the newest by then" in text
    assert "class train val test all test of v2 glass 70 15 15 100 20" in text
    assert "trash 0 0 0 0 5 all 210 45 45 300 65" in text


def splits_of_version_2() -> dict[Split, dict[str, int]]:
    counts = dict.fromkeys(CLASSES, 20) | {"trash": 5}
    return dict.fromkeys(Split, counts)


def test_each_format_is_told_with_its_parity_and_why_it_is_not_published(card):
    refused = card.exports.model_copy(
        update={"exports": card.exports.exports[1:], "refused": {ExportFormat.SAVED_MODEL: "why"}}
    )
    told = verification(falls_short=ExportFormat.LITERT)
    onnx, litert, saved = format_rows(
        card.model_copy(update={"exports": refused, "verification": told})
    )
    assert (onnx.published, onnx.agreement) == (True, "1.0000 (44 of 44, 1 tie left out)")
    assert (onnx.median, onnx.p99, onnx.size) == ("12.0 ms", "20.0 ms", "2.5 kB")
    assert onnx.difference == "1.0e-04 (at most 0.01)"
    assert (litert.published, litert.reason) == (False, "agrees on 30 of 44 images")
    assert (saved.published, saved.reason) == (False, "could not be made: why")


def test_a_format_that_gave_no_answer_is_told_with_the_reason_and_no_figures(card):
    ran = verification()
    silent = {"parity": None, "latency": None, "published": False, "reason": "it cannot be asked"}
    formats = (*ran.formats[:2], ran.formats[2].model_copy(update=silent))
    told = ran.model_copy(update={"formats": formats})
    _, _, litert = format_rows(card.model_copy(update={"verification": told}))
    assert (litert.published, litert.reason, litert.size) == (False, "it cannot be asked", "2.5 kB")
    assert {litert.agreement, litert.difference, litert.median, litert.p99} == {"-"}


def test_page_names_data_set_code_mlflow_and_every_export_file(html):
    text = Page(html).text
    assert "sample, version v1" in text
    assert "deadbeef" in text
    assert "saved_model.pb 1,234 " + "0123456789abcdef" * 4 in text
    assert f'<a href="{registration().run_url}">' in html


def test_recipe_is_shown_as_it_can_be_set(card):
    table = dict(recipe_rows(card))
    assert (table["schedule.base_lr"], table["weights"]) == ("0.01", "null")
    assert table["augment.flips"] == "false"


def test_report_is_written_once(judged):
    store, key = judged
    card, shown = write_judged_run(store)
    before = dict(store.objects)
    other = card.model_copy(update={"verdict": verdict(card.spec.run_id)})
    assert publish_report(store, other, shown) == key == keys.judged("7abc04f1f4c8", "report.html")
    assert store.objects == before


@needs_a_chinese_font
def test_there_is_a_font_for_chinese_names_and_nothing_is_said(judged, caplog):
    store, _ = judged
    publish_report(store, *write_judged_run(store))
    assert undrawn("".join(CHINESE)) == ""
    assert caplog.messages == []


@needs_a_chinese_font
def test_a_font_that_was_installed_since_matplotlib_looked_is_found(monkeypatch):
    from matplotlib.font_manager import fontManager

    latin = [font for font in fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(fontManager, "ttflist", latin)
    assert families()[0] == "DejaVu Sans"
    assert undrawn("".join(CHINESE)) == ""


def test_without_a_font_for_them_class_names_are_boxes_and_one_line_says_so(
    store, card, monkeypatch, caplog
):
    monkeypatch.setattr("tasks.report.fonts._CHINESE", ())
    monkeypatch.setattr("tasks.report.fonts.chinese_font", lambda: None)
    names = dict(zip(("可", "可回", "paper"), SCORES.classes.values(), strict=True))
    mine = SCORES.model_copy(update={"classes": names})
    shown = card.model_copy(update={"evaluation": evaluation(mine)})
    written = InMemoryStore()
    written.objects = dict(store.objects)
    html = written.get(publish_report(written, shown, manifest())).decode()
    assert ">可回</text>" in html
    (said,) = caplog.messages
    assert said.startswith("the figures in MLflow show boxes for 可回: no font here has them")
