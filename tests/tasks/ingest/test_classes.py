import pytest

from ray_jobs.contract.dataset import ImageState
from ray_jobs.contract.errors import DataError
from tasks.classes import set_aside_small
from tests.tasks.ingest.pictures import entry


def set_aside(entries, strict=False, alike=()):
    """What becomes of them where each looks like itself alone, but for those named."""
    group_of = {e.sha256: e.sha256 for e in entries} | dict(alike)
    return set_aside_small(entries, group_of, strict=strict)


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
    entries, warnings = set_aside(found, alike=[(found[-1].sha256, found[-2].sha256)])
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
