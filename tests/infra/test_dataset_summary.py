"""What `sortline dataset` shows a person; names are shown as they are."""

from __future__ import annotations

from typing import Any

from rich.console import Console, RenderableType

from infra import dataset_summary, upkeep_summary

ODD = "[red]可回收物[/red]/[易拉罐]"


def shown(renderable: RenderableType) -> str:
    console = Console(width=120, force_terminal=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def side(version: str, dataset: str = "waste") -> dict[str, Any]:
    return {"dataset": dataset, "version": version, "images": {"kept": 3}, "classes": 2}


def difference(**lists: list[dict[str, str]]) -> dict[str, Any]:
    names = ("added", "removed", "relabelled", "moved", "state", "renamed")
    told: dict[str, Any] = {name: lists.get(name, []) for name in names}
    sides = {"before": side("aaa"), "after": side("bbb")}
    return told | sides | {"classes_added": [ODD], "classes_removed": []}


def test_an_empty_store_says_how_to_begin():
    assert "sortline ingest" in shown(dataset_summary.of_datasets({"datasets": []}))


def test_a_version_is_shown_with_odd_names_as_they_are():
    shards = {"count": 1, "size_bytes": 2000, "records": 3, "stored": 4}
    told = side("aaa") | {
        "latest": "aaa",
        "published": "2026-01-02T12:00:00+00:00",
        "source": {"uri": f"/{ODD}", "format": "folder", "class_map": {ODD: None}},
        "checks": {"alpha": 2},
        "classes": {ODD: {"train": 7, "val": 1, "test": 1}},
        "shards": {"train": shards},
        "set_aside": {"is too small": 5},
        "conflicts": [[{"path": f"{ODD}/1.jpg", "label": ODD}]],
        "near_duplicates": {"groups": 2, "images": 5, "largest": ["a", "b", "c"]},
        "versions": [{"version": "aaa", "published": "then"}, {"version": "bbb", "published": ""}],
    }
    text = shown(dataset_summary.of_version(told))
    assert text.count(ODD) == 5
    for part in ("(newest)", "aaa *", "alpha 2", "2.0 kB", "5 images in 2 groups", "-> dropped"):
        assert part in text


def test_of_many_changes_the_first_ten_are_shown_and_all_counted():
    added = [{"path": f"{ODD}/{n:02d}.jpg", "label": ODD, "state": "kept"} for n in range(13)]
    text = shown(upkeep_summary.of_difference(difference(added=added)))
    assert f"{ODD}/09.jpg" in text
    assert f"{ODD}/10.jpg" not in text
    assert "and 3 more" in text
    assert f"classes added    {ODD}" in text


def test_a_move_within_a_data_set_is_told_as_a_fault():
    moved = [{"path": "a.jpg", "from": "train", "to": "test"}]
    assert "tampered" in shown(upkeep_summary.of_difference(difference(moved=moved)))
    assert "never changes" in shown(upkeep_summary.of_difference(difference()))
    across = difference(moved=moved) | {"after": side("bbb", "other")}
    assert "splits of its own" in shown(upkeep_summary.of_difference(across))


def test_a_dry_run_lists_what_would_go_and_a_real_one_says_that_it_went():
    told = {"garbage": {"raw": {"count": 1, "size_bytes": 5000, "keys": ["raw/1"]}}}
    dry = shown(upkeep_summary.of_garbage(told | {"dry_run": True}))
    assert "raw/1" in dry
    assert "nothing was removed" in dry
    real = shown(upkeep_summary.of_garbage(told | {"dry_run": False}))
    assert "raw/1" not in real
    assert "5.0 kB" in real


def test_a_sheet_with_nothing_on_it_is_told():
    sheets = [{"title": ODD, "images": 3, "file": "class-0.png"}]
    sheets += [{"title": "conflicts", "images": 0, "file": None}]
    text = shown(upkeep_summary.of_preview({"folder": f"/{ODD}", "sheets": sheets}))
    assert text.count(ODD) == 2
    assert "nothing to show" in text
