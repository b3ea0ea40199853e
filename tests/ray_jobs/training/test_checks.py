"""What a test split must be."""

from __future__ import annotations

from ray_jobs.contract.dataset import ImageState, Split
from ray_jobs.storage import put_content
from ray_jobs.training.evaluation.checks import check_test_split
from ray_jobs.training.evaluation.entries import Entries, Groups, Kept
from tasks.dataset.entries import Entry, encode_entries
from tests.fakes import InMemoryStore
from tests.tasks.documents import manifest

CLASSES = ("glass", "metal")


def images(count: int, label: str, split: Split = Split.TEST) -> list[Kept]:
    return [Kept(f"{split}{label}{n}", "", "", f"{label}{n}", label, split) for n in range(count)]


def groups_of(kept: list[Kept]) -> Groups:
    store = InMemoryStore()
    entries = [
        Entry(str(number), one.label, ImageState.KEPT, split=one.split, group=one.group)
        for number, one in enumerate(sorted(kept))
    ]
    table = encode_entries(sorted(entries, key=lambda one: one.path))
    return Entries(
        store, manifest().model_copy(update={"entries": put_content(store, "e", table)})
    ).groups()


def failed(kept: list[Kept], judging: list[Kept], total: int) -> dict[str, str]:
    found = check_test_split(groups_of(kept), judging, total, CLASSES)
    return {check.name: check.fact for check in found if not check.passed}


def test_a_sound_split_passes_with_its_figures():
    test = [*images(7, "glass"), *images(3, "metal")]
    facts = [check.fact for check in check_test_split(groups_of(test), test, 10, CLASSES)]
    assert failed(test, test, 10) == {}
    assert facts == [
        "10 test images, at least 10",
        "every class has test images, 'metal' the fewest: 3",
        "0 of 10 groups of near-duplicates lie across splits, none may",
        "0 of 10 test images left out (0.0%), at most 5%",
    ]


def test_nine_images_are_too_few():
    test = [*images(5, "glass"), *images(4, "metal")]
    assert failed(test, test, 9) == {"images": "9 test images, at least 10"}


def test_a_class_without_test_images_is_named():
    test = images(10, "glass")
    assert failed(test, test, 10) == {"classes": "no test image of metal"}


def test_a_group_across_splits_is_counted():
    test = [*images(9, "glass"), *images(9, "metal")]
    across = images(2, "glass", Split.TRAIN)
    assert failed([*test, *across], test, 18) == {
        "groups": "2 of 18 groups of near-duplicates lie across splits, none may"
    }


def test_one_in_twenty_may_be_left_out_and_no_more():
    test = [*images(10, "glass"), *images(9, "metal")]
    assert failed(test, test, 20) == {}
    assert failed(test, test, 21) == {"left out": "2 of 21 test images left out (9.5%), at most 5%"}
