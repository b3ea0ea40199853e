"""The report of a run: one HTML file that needs nothing else, on the network or beside it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ray_jobs.contract import keys
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.evaluation import ExhibitKind
from ray_jobs.storage import Store
from tasks.report import beside, confusion, shipped, view
from tasks.report.confusion import confusion_plot
from tasks.report.curves import training_plots
from tasks.report.fonts import undrawn
from tasks.report.gallery import gallery, how_many, shown_of
from tasks.report.intervals import MEASURES, class_plot, score_plot
from tasks.report.material import Material, gather
from tasks.report.plot import Plot, png, svg
from tasks.report.reliability import reliability_plot

log = logging.getLogger(__name__)


class Figure(NamedTuple):
    """A plot and its drawing."""

    plot: Plot
    svg: Markup


def publish_report(store: Store, card: ModelCard, manifest: DatasetManifest) -> str:
    """Write `judged/<run_id>/figures/*.png`, then `report.html`, each once.

    Returns:
      The key of the report.

    Raises:
      DataError, MissingObjectError: what it shows is not there as it was written.
    """
    run_id = card.spec.run_id
    material = gather(store, card, manifest)
    _warn_of_boxes(card)
    plots = plots_of(material)
    for plot in plots:
        store.put_once(keys.judged(run_id, f"figures/{plot.name}.png"), png(plot))
    key = keys.judged(run_id, "report.html")
    store.put_once(key, render(material, [Figure(plot, svg(plot)) for plot in plots]).encode())
    return key


def plots_of(material: Material) -> list[Plot]:
    """Every figure of a report, in the order of the page."""
    card = material.card
    candidate, champion, names = beside.models(card)
    classes = beside.class_rows(card)
    return [
        score_plot(candidate, champion, names),
        *training_plots(card.training, material.steps),
        *(class_plot(measure, classes, names) for measure in MEASURES),
        confusion_plot(card.evaluation.candidate),
        reliability_plot(candidate, champion, names),
    ]


def render(material: Material, figures: Sequence[Figure]) -> str:
    """The report as one HTML page; the same material gives the same page.

    Args:
      material: what it shows.
      figures: those of `plots_of`, drawn.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = environment.filters  # typed as those that come with Jinja
    filters["counted"] = view.counted
    filters["duration"] = view.seconds_in_words
    filters["estimated"] = beside.estimated
    template = environment.get_template("report.html.j2")
    return template.render(
        card=material.card,
        manifest=material.manifest,
        judged=material.judged,
        figures={figure.plot.name: figure for figure in figures},
        **_views(material),
    )


def _warn_of_boxes(card: ModelCard) -> None:
    missing = undrawn("".join(card.evaluation.candidate.classes))
    if missing:
        log.warning(
            "the figures in MLflow show boxes for %s: no font here has them (for "
            "Chinese, Debian's fonts-noto-cjk); the page takes the reader's fonts",
            missing,
        )


def _views(material: Material) -> dict[str, Any]:
    card, manifest = material.card, material.manifest
    scores = card.evaluation.candidate
    return {
        "headline": view.HEADLINES[card.verdict.decision],
        "columns": beside.columns(card),
        "figure_rows": beside.rows(card),
        "class_rows": beside.class_rows(card),
        "models": beside.models(card).names,
        "worst_mistakes": confusion.worst_mistakes(scores),
        "answered_outside": confusion.answered_outside(scores),
        "galleries": {
            kind.value: gallery(card.evaluation.exhibits, material.pictures, kind)
            for kind in ExhibitKind
        },
        "shown_of": shown_of(card.evaluation),
        "how_many": {kind.value: how_many(card.evaluation, kind) for kind in ExhibitKind},
        "split_rows": view.split_rows(manifest, material.judged),
        "aside": material.aside,
        "format_rows": shipped.format_rows(card),
        "registration": material.registration,
        "recipe_rows": view.recipe_rows(card),
        "lineage_rows": view.lineage_rows(card, manifest),
    }
