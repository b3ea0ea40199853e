"""A version by what a user types, what it holds, and what differs between two."""

from datetime import UTC, datetime, timedelta

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import ImageState, Split
from ray_jobs.contract.errors import SpecError
from tasks.dataset import overview
from tasks.dataset.difference import by_content, difference
from tasks.dataset.versions import find_version, histories
from tests.fakes import InMemoryStore
from tests.tasks.ingest.pictures import encoded, entry, make_tree, photo, picture
from tests.tasks.ingest.test_ingest import entries_of, manifest_of, run

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def source(tmp_path):
    root = make_tree(tmp_path / "source", {"glass": 6, "metal": 6, "rare": 2})
    (root / "glass" / "doubtful.jpg").write_bytes(photo(900))
    (root / "metal" / "doubtful.jpg").write_bytes(photo(900))
    return root


def grown(source, store):
    """Two versions of `waste`, a day apart: the first, the second."""
    first = run(store, source)
    store.now += timedelta(days=1)
    make_tree(source, {"glass": 1}, first_seed=500)
    return first, run(store, source, ingest_id="2")


def test_versions_are_told_in_the_order_in_which_they_were_published(source):
    store = InMemoryStore()
    first, second = grown(source, store)
    (history,) = histories(store)
    assert [one.version for one in history.versions] == [first["version"], second["version"]]
    assert [one.at for one in history.versions] == [NOON, NOON + timedelta(days=1)]
    assert history.newest == second["version"]


def test_the_newest_version_is_the_one_that_the_pointer_names(source):
    store = InMemoryStore()
    first, second = grown(source, store)
    (source / "glass" / "0500.jpg").unlink()
    run(store, source, ingest_id="3")
    assert find_version(store, "waste")[0].version == first["version"]
    store.delete([keys.latest("waste")])
    assert find_version(store, "waste")[0].version == second["version"]


def test_the_first_digits_of_a_version_name_it(source):
    store = InMemoryStore()
    first, second = grown(source, store)
    for published in (first, second):
        found, history = find_version(store, f"waste@{published['version'][:6]}")
        assert (found.version, history.newest) == (published["version"], second["version"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("wasts", "there is no data set 'wasts'; .* Did you mean 'waste'"),
        ("../waste", "there is no data set '../waste'"),
        ("waste@zzz", "'waste' has no version 'zzz'; .* Known: "),
        ("waste@manifest.json", "'waste' has no version"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(source, text, told):
    store = InMemoryStore()
    run(store, source)
    with pytest.raises(SpecError, match=told):
        find_version(store, text)


def test_digits_with_which_two_versions_begin_name_neither(source):
    store = InMemoryStore()
    manifest = manifest_of(store, run(store, source))
    for version in ("aa0000000000", "aa1111111111"):
        other = manifest.model_copy(update={"version": version})
        store.put(keys.manifest("waste", version), other.to_json())
    with pytest.raises(SpecError, match=r"2 versions of 'waste' begin with 'aa'.*aa0000000000, aa"):
        find_version(store, "waste@aa")


def test_an_empty_store_says_how_to_begin():
    assert histories(InMemoryStore()) == []
    with pytest.raises(SpecError, match="Run `sortline ingest"):
        find_version(InMemoryStore(), "waste")


def test_a_data_set_in_a_line_counts_each_object_once(source):
    store = InMemoryStore()
    manifests = [manifest_of(store, published) for published in grown(source, store)]
    (history,) = histories(store)
    told = overview.brief(history, manifests)
    size = sum(len(store.get(key)) for key in store.keys("shards/"))
    size += sum(len(store.get(key)) for key in store.keys("datasets/") if "entries-" in key)
    assert told == {
        "dataset": "waste",
        "version": history.newest,
        "versions": 2,
        "images": 13,
        "classes": 2,
        "size_bytes": size,
        "published": "2026-01-03T12:00:00+00:00",
    }


def test_a_version_in_full(source):
    store = InMemoryStore()
    published = run(store, source)
    manifest, history = find_version(store, "waste")
    told = overview.full(manifest, entries_of(store, published), history)
    assert told["images"] == {"kept": 12, "duplicate": 0, "conflict": 2, "quarantined": 2}
    assert told["classes"]["glass"] == {"train": 4, "val": 1, "test": 1}
    assert told["set_aside"] == {"class has fewer than 3 different pictures": 2}
    assert told["conflicts"] == [
        [
            {"path": "glass/doubtful.jpg", "label": "glass"},
            {"path": "metal/doubtful.jpg", "label": "metal"},
        ]
    ]
    assert told["near_duplicates"] == {"groups": 0, "images": 0, "largest": []}
    shards = told["shards"]["train"]
    assert (shards["count"], shards["records"], shards["stored"]) == (8, 8, 8)
    assert shards["size_bytes"] == sum(ref.size_bytes for ref in manifest.shards[Split.TRAIN])
    assert told["versions"] == [
        {"version": published["version"], "published": "2026-01-02T12:00:00+00:00"}
    ]


def test_the_largest_group_of_near_duplicates_comes_first():
    entries = [entry("glass/a.jpg", group="1"), entry("glass/b.jpg", group="1")]
    entries += [entry(f"glass/{name}.jpg", group="2") for name in "cde"]
    entries += [entry("glass/f.jpg", group="3"), entry("x/g.jpg", state=ImageState.DUPLICATE)]
    groups = overview.near_duplicates(entries)
    assert [[one.path[6] for one in group] for group in groups] == [["c", "d", "e"], ["a", "b"]]


def test_reasons_are_counted_without_what_differs_from_file_to_file():
    said = ["is too small: 3 x 4 pixels", "is too small: 5 x 6 pixels", "is no image: none of A"]
    entries = [
        entry(f"glass/{reason}", state=ImageState.QUARANTINED, reason=reason) for reason in said
    ]
    assert overview.reasons(entries) == {"is too small": 2, "is no image": 1}


def compare(store, first, second):
    manifests = [manifest_of(store, published) for published in (first, second)]
    tables = [entries_of(store, published) for published in (first, second)]
    return difference(*manifests, *tables)


def test_a_difference_names_every_picture_that_changed(source):
    store = InMemoryStore()
    first = run(store, source)
    (source / "glass" / "0000.jpg").unlink()
    (source / "glass" / "0001.jpg").rename(source / "metal" / "moved.jpg")
    (source / "glass" / "0002.jpg").rename(source / "glass" / "renamed.jpg")
    (source / "metal" / "doubtful.jpg").unlink()
    make_tree(source, {"rare": 2}, first_seed=500)
    told = compare(store, first, run(store, source, ingest_id="2"))
    assert [row["path"] for row in told["added"]] == ["rare/0500.jpg", "rare/0501.jpg"]
    assert [row["path"] for row in told["removed"]] == ["glass/0000.jpg"]
    assert told["relabelled"] == [{"path": "metal/moved.jpg", "from": "glass", "to": "metal"}]
    assert [row["path"] for row in told["renamed"]] == ["glass/renamed.jpg", "metal/moved.jpg"]
    assert told["state"] == [
        {"path": "glass/doubtful.jpg", "from": "conflict", "to": "kept"},
        {"path": "rare/0012.jpg", "from": "quarantined", "to": "kept"},
        {"path": "rare/0013.jpg", "from": "quarantined", "to": "kept"},
    ]
    assert (told["classes_added"], told["classes_removed"], told["moved"]) == (["rare"], [], [])
    assert told["after"]["images"]["kept"] == 16


def test_a_version_does_not_differ_from_itself(source):
    store = InMemoryStore()
    published = run(store, source)
    told = compare(store, published, published)
    lists = {name: rows for name, rows in told.items() if isinstance(rows, list)}
    assert set(lists) >= {"added", "removed", "relabelled", "moved", "state", "renamed"}
    assert not any(lists.values())


def test_a_move_between_splits_is_told(source):
    store = InMemoryStore()
    manifest = manifest_of(store, run(store, source))
    before, after = ([entry("glass/a.jpg", split=split)] for split in (Split.TRAIN, Split.TEST))
    told = difference(manifest, manifest, before, after)
    assert told["moved"] == [{"path": "glass/a.jpg", "from": Split.TRAIN, "to": Split.TEST}]


def test_the_file_that_is_kept_stands_for_its_copies():
    copy = entry("glass/a.jpg", sha256="1", state=ImageState.DUPLICATE)
    kept = entry("glass/b.jpg", sha256="1")
    unread = entry("glass/c.jpg", sha256=None, state=ImageState.QUARANTINED)
    assert by_content([copy, kept, unread]) == {"1": kept, "path:glass/c.jpg": unread}


def test_a_png_of_the_same_pixels_is_another_content(source):
    store = InMemoryStore()
    first = run(store, source)
    (source / "glass" / "again.png").write_bytes(encoded(picture(3), "PNG"))
    told = compare(store, first, run(store, source, ingest_id="2"))
    assert [row["path"] for row in told["added"]] == ["glass/again.png"]
