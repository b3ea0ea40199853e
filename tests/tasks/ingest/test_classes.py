from dataclasses import replace

import pytest

from ray_jobs.contract.dataset import ImageState
from ray_jobs.contract.errors import DataError
from tasks.ingest.classes import set_aside_small
from tasks.near_duplicates.grouping import group
from tests.tasks.ingest.books import book_of, entries_of
from tests.tasks.ingest.pictures import entry
from tests.tasks.near_duplicates.likeness import nothing_alike


def set_aside(entries, strict=False):
    """What becomes of them where only equal looks are alike."""
    book = book_of(entries)
    group(book, nothing_alike)
    warnings = set_aside_small(book, strict=strict)
    return entries_of(book), warnings


def files(**classes):
    return [entry(f"{label}/{n}") for label, count in classes.items() for n in range(count)]


def test_a_class_of_two_pictures_is_set_aside_with_a_warning():
    entries, warnings = set_aside(files(a=3, b=3, c=2))
    aside = [e for e in entries if e.state is ImageState.QUARANTINED]
    assert [e.path for e in aside] == ["c/0", "c/1"]
    assert aside[0].reason == "class has fewer than 3 different pictures"
    assert warnings == ["class 'c' is set aside: 2 different pictures, fewer than 3"]


def test_pictures_that_look_alike_count_once():
    found = files(a=3, b=3, c=3)
    found[-1] = replace(found[-1], phash=found[-2].phash)
    entries, warnings = set_aside(found)
    assert [w[:9] for w in warnings] == ["class 'c'"]
    assert sum(e.state is ImageState.QUARANTINED for e in entries) == 3


def test_duplicates_do_not_make_a_class_large():
    twice = [entry(f"c/{n}", state=ImageState.DUPLICATE) for n in range(9)]
    entries, warnings = set_aside([*files(a=3, b=3, d=2), *twice])
    assert [w[:9] for w in warnings] == ["class 'c'", "class 'd'"]
    assert all(e.state is ImageState.DUPLICATE for e in entries if e.label == "c")


def test_strict_refuses_a_small_class():
    with pytest.raises(DataError, match=r"'c' has 2 .*; expected at least 3 .*\. Add pictures"):
        set_aside(files(a=3, b=3, c=2), strict=True)


@pytest.mark.parametrize(
    ("classes", "fact"),
    [
        ({"a": 9}, r"1 class can be learnt \(different pictures a class: a 9\)"),
        ({"a": 9, "b": 2}, r"1 class can be learnt \(different pictures a class: a 9, b 2\)"),
        ({"a": 1, "b": 2}, r"0 classes can be learnt"),
    ],
)
def test_fewer_than_two_classes_are_refused(classes, fact):
    with pytest.raises(DataError, match=fact + r".*; expected at least 2 classes .*\. Put the"):
        set_aside(files(**classes))
