"""Class maps: what becomes of each class, and what is recorded of it."""

import json

import pytest

from ray_jobs.contract.errors import SpecError
from tasks.ingest import steps
from tasks.ingest.class_map import apply_class_map, parse_class_map
from tasks.ingest.staging import Staged, Staging
from tasks.photos.rejection import Rejection
from tasks.sources.base import SourceImage
from tests.fakes import InMemoryStore
from tests.tasks.ingest.pictures import Held, make_tree

HUAWEI = ("其他垃圾/烟蒂", "厨余垃圾/蛋壳", "可回收物/易拉罐", "可回收物/锅", "有害垃圾/软膏")


def images(*labels):
    return [SourceImage(f"{n}.jpg", label, Held(b"")) for n, label in enumerate(labels)]


def mapped(text, *labels):
    return apply_class_map(parse_class_map(text), images(*labels))


@pytest.mark.parametrize(
    ("text", "labels", "changes"),
    [
        ("", ["a", "b"], {}),
        ("rename: {a: x}", ["x", "b"], {"a": "x"}),
        ("merge:\n  x: [a, b]", ["x", "x"], {"a": "x", "b": "x"}),
        ("merge: {b: [a]}", ["b", "b"], {"a": "b"}),
        ("drop: [a]", ["", "b"], {"a": None}),
    ],
)
def test_a_map_says_what_becomes_of_each_class(text, labels, changes):
    found = mapped(text, "a", "b")
    assert [image.label for image in found.images] == labels
    assert found.changes == changes


def test_what_is_dropped_is_kept_out_with_the_reason():
    dropped, kept = mapped("drop: [a]", "a", "b").images
    assert dropped.problem.reason is Rejection.DROPPED
    assert str(dropped.problem) == "is of a dropped class: the class map drops 'a'"
    assert kept.problem is None


def test_classes_may_be_named_by_numbers_and_by_words_that_yaml_knows():
    found = mapped("merge: {yes: [0, 1]}\ndrop: [no]", "0", "1", "no")
    assert [image.label for image in found.images] == ["yes", "yes", ""]


def test_huawei_s_names_come_to_four_groups():
    labels = [image.label for image in mapped("huawei-4", *HUAWEI).images]
    assert labels == ["其他垃圾", "厨余垃圾", "可回收物", "可回收物", "有害垃圾"]


def test_a_named_class_is_not_grouped():
    found = mapped("part_before: /\nrename: {可回收物/锅: 锅}", *HUAWEI)
    assert [image.label for image in found.images][2:4] == ["可回收物", "锅"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("huawei-5", r"'huawei-5' is no map of ours; expected YAML .*\. Did you mean 'huawei-4'"),
        ("rename: [a]", r"'rename' is \['a'\]: .*; expected YAML .*\. Write it as in"),
        ("renames: {a: b}", r"'renames' is not a key of it; .*\. Did you mean 'rename'"),
        ("rename: {a: b", r"it is no YAML: .*\. Write it as in"),
        ("- a", r"the class map is refused: .*\. Write it as in"),
        ("rename: {a: b}\ndrop: [a]", r"it names 'a' twice; .*\. Say once"),
        ("rename: {a: ''}", r"a new name is empty; .*\. Name the class"),
        ("drop: [" + "a," * 40_000, r"it has 80,007 characters; .*\. Keep it under"),
        ("drop: [glas]", r"the source has no class 'glas'; .*\. Did you mean 'glass'"),
    ],
)
def test_a_map_that_cannot_be_meant_is_refused(text, message):
    with pytest.raises(SpecError, match=message):
        mapped(text, "glass", "metal")


def test_the_map_is_recorded_with_the_source(tmp_path):
    store = InMemoryStore()
    source = str(make_tree(tmp_path, {"glass": 3, "jar": 3, "hat": 3, "metal": 3}))
    asked = steps.Asked(source, class_map="merge: {glass: [jar]}\ndrop: [hat]")
    steps.inspect_source(store, asked, dataset="waste", ingest_id="1")
    recorded = json.loads(Staging(store, "waste", "1").read(Staged.SOURCE))
    assert recorded["class_map"] == {"hat": None, "jar": "glass"}
    address = {"dataset": "waste", "ingest_id": "1"}
    steps.assign_splits(store, **address)
    steps.write_shards(store, **address)
    published = steps.publish(store, **address)
    assert published["classes"] == {"glass": 6, "metal": 3}
    assert published["images"]["quarantined"] == 3
