"""The report of a run: one HTML file that needs nothing else, on the network or beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ray_jobs.contract import keys
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.evaluation import Scores
from ray_jobs.storage import Store
from tasks.report import view
from tasks.report.figures import accuracy_figure, curve_figure


def publish_report(store: Store, card: ModelCard, manifest: DatasetManifest) -> str:
    """Write `runs/<run_id>/report.html` once, and return its key."""
    key = keys.run(card.spec.run_id, "report.html")
    store.put_once(key, render(card, manifest).encode())
    return key


def render(card: ModelCard, manifest: DatasetManifest) -> str:
    """The report as one HTML page; the same card and manifest give the same page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["rate"] = _rate
    environment.filters["duration"] = view.seconds_in_words
    template = environment.get_template("report.html.j2")
    return template.render(card=card, manifest=manifest, **_views(card, manifest))


def _views(card: ModelCard, manifest: DatasetManifest) -> dict[str, Any]:
    candidate, training = card.evaluation.candidate, card.training
    classes = training.classes
    return {
        "headline": view.HEADLINES[card.verdict.decision],
        "cells": view.confusion_cells(candidate),
        "class_rows": view.class_rows(classes, candidate),
        "mistakes": view.worst_mistakes(classes, candidate),
        "split_rows": view.split_rows(manifest),
        "recipe_rows": view.recipe_rows(card),
        "lineage_rows": view.lineage_rows(card, manifest),
        "accuracy_figure": accuracy_figure(_models(card)),
        "accuracy_curve": curve_figure(training, ("accuracy", "val_accuracy"), "Accuracy"),
        "loss_curve": curve_figure(training, ("loss", "val_loss"), "Loss"),
        "rate_curve": curve_figure(training, ("learning_rate",), "Learning rate"),
    }


def _models(card: ModelCard) -> list[tuple[str, Scores]]:
    rows = [(f"version {card.model_version}", card.evaluation.candidate)]
    champion = card.evaluation.champion
    if champion is not None:
        rows.append((f"version {champion.model_version}", champion))
    return rows


def _rate(value: float | None) -> str:
    return "no images" if value is None else f"{value:.3f}"
