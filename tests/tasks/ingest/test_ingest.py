import json
from pathlib import Path

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, ImageState, LatestVersion, Split
from ray_jobs.contract.errors import DataError, SpecError
from ray_jobs.storage import fetch, read_document
from tasks.dataset.entries import decode_entries
from tasks.ingest import steps
from tasks.sources.trees import local
from tests.fakes import InMemoryStore
from tests.tasks.ingest.pictures import make_tree, photo


def run(store, source, name="waste", ingest_id="1", *, keep_test=False, **options):
    address = {"dataset": name, "ingest_id": ingest_id}
    steps.inspect_source(store, steps.Asked(str(source), keep_test=keep_test), **address)
    steps.assign_splits(store, **address, **options)
    steps.write_shards(store, **address)
    return steps.publish(store, **address)


def manifest_of(store, published):
    key = keys.manifest(published["dataset"], published["version"])
    return read_document(store, DatasetManifest, key)


def entries_of(store, published):
    return decode_entries(fetch(store, manifest_of(store, published).entries))


@pytest.fixture
def tree(tmp_path):
    """Two classes of 20, a duplicate, a conflicting pair, a broken file, a class of two."""
    root = make_tree(tmp_path / "tree", {"glass": 20, "metal": 20, "rare": 2})
    (root / "glass" / "again.jpg").write_bytes(photo(0))
    (root / "glass" / "doubtful.jpg").write_bytes(photo(900))
    (root / "metal" / "doubtful.jpg").write_bytes(photo(900))
    (root / "metal" / "broken.jpg").write_bytes(b"not a photo")
    (root / "MANIFEST.csv").write_text("path,class")
    return root


def test_an_ingest_answers_what_it_published(tree):
    store = InMemoryStore()
    published = run(store, tree)
    assert published["images"] == {"kept": 40, "duplicate": 1, "conflict": 2, "quarantined": 3}
    assert published["splits"] == {"train": 28, "val": 6, "test": 6}
    assert published["classes"] == {"glass": 20, "metal": 20}
    assert published["new"] is True
    assert published["manifest"] == store.uri(keys.manifest("waste", published["version"]))
    assert json.loads(json.dumps(published)) == published


def test_the_manifest_tells_classes_splits_and_shards(tree):
    store = InMemoryStore()
    manifest = manifest_of(store, run(store, tree))
    assert manifest.classes == ("glass", "metal")
    assert manifest.splits[Split.TRAIN] == {"glass": 14, "metal": 14}
    assert manifest.splits[Split.TEST] == {"glass": 3, "metal": 3}
    assert [len(manifest.shards[split]) for split in Split] == [16, 4, 4]
    assert sum(ref.records for ref in manifest.shards[Split.TRAIN]) == 28
    assert manifest.checks == {"not-an-image": 1}
    assert (manifest.source.uri, manifest.source.format) == (tree.as_posix(), "folder")


def test_every_file_is_in_exactly_one_state_with_its_reason(tree):
    store = InMemoryStore()
    entries = {entry.path: entry for entry in entries_of(store, run(store, tree))}
    assert len(entries) == 46
    assert entries["glass/again.jpg"].duplicate_of == "glass/0000.jpg"
    assert entries["glass/doubtful.jpg"].state is ImageState.CONFLICT
    assert entries["metal/broken.jpg"].reason.startswith("is no image")
    assert entries["rare/0040.jpg"].reason == "class has fewer than 3 different pictures"
    for entry in entries.values():
        kept = entry.state is ImageState.KEPT
        assert (entry.split is not None, entry.shard is not None) == (kept, kept)
        assert (entry.group == entry.sha256) is kept


def test_the_pointer_names_the_newest_version(tree):
    store = InMemoryStore()
    first = run(store, tree)
    make_tree(tree, {"glass": 1}, first_seed=500)
    second = run(store, tree, ingest_id="2")
    assert first["version"] != second["version"]
    latest = read_document(store, LatestVersion, keys.latest("waste"))
    assert latest.version == second["version"]
    assert manifest_of(store, first).version == first["version"]


def test_an_unchanged_source_gives_the_same_version_and_writes_nothing_new(tree):
    store = InMemoryStore()
    first = run(store, tree)
    before = published_objects(store)
    second = run(store, tree, ingest_id="2")
    assert second == {**first, "new": False}
    assert published_objects(store) == before


def test_two_ingests_into_two_stores_give_the_same_bytes(tree):
    one, two = InMemoryStore(), InMemoryStore()
    run(one, tree, ingest_id="1")
    run(two, tree, ingest_id="2")
    assert published_objects(one) == published_objects(two)


def test_nothing_staged_is_left_but_the_receipt(tree):
    store = InMemoryStore()
    run(store, tree)
    assert list(store.keys("staging/")) == ["staging/waste/1/published.json"]


def test_a_publish_that_is_repeated_answers_the_same(tree):
    store = InMemoryStore()
    published = run(store, tree)
    assert steps.publish(store, dataset="waste", ingest_id="1") == published


def test_an_ingest_that_is_cleared_and_run_again_publishes_what_it_finds_then(tree):
    store = InMemoryStore()
    first = run(store, tree)
    make_tree(tree, {"glass": 1}, first_seed=500)
    second = run(store, tree)
    assert second["images"]["kept"] == 41
    assert second["version"] != first["version"]


def shards_of(store, published, split=Split.TRAIN):
    return manifest_of(store, published).shards[split]


def test_a_small_addition_writes_one_shard_and_takes_the_others_over(tree):
    store = InMemoryStore()
    first = run(store, tree)
    before = set(store.keys("shards/"))
    make_tree(tree, {"glass": 1}, first_seed=500)
    second = run(store, tree, ingest_id="2")
    assert set(shards_of(store, first)) <= set(shards_of(store, second))
    assert len(set(store.keys("shards/")) - before) == 1


def test_what_is_removed_is_skipped_in_a_shard_that_serves_again(tree):
    store = InMemoryStore()
    first = run(store, tree)
    large = {ref.key for ref in shards_of(store, first) if ref.stored == 2}
    gone = next(e for e in entries_of(store, first) if e.label == "metal" and e.shard in large)
    (tree / gone.path).unlink()
    before = set(store.keys("shards/"))
    second = run(store, tree, ingest_id="2")
    (ref,) = [ref for ref in shards_of(store, second) if ref.key == gone.shard]
    assert (ref.stored - ref.records, set(store.keys("shards/")) - before) == (1, set())
    kept = [e for e in entries_of(store, second) if e.shard == gone.shard]
    assert len(kept) == ref.records


def test_a_shard_half_of_which_is_gone_is_written_anew(tree):
    store = InMemoryStore()
    make_tree(tree, {"glass": 100}, first_seed=500)
    first = run(store, tree)
    shard = shards_of(store, first)[0]
    inside = [e for e in entries_of(store, first) if e.shard == shard.key]
    for entry in inside[: len(inside) // 2 + 1]:
        (tree / entry.path).unlink()
    second = run(store, tree, ingest_id="2")
    assert shard.key not in {ref.key for ref in shards_of(store, second)}
    assert sum(ref.records for ref in shards_of(store, second)) == second["splits"]["train"]


def test_many_small_shards_are_put_together(tree):
    store = InMemoryStore()
    make_tree(tree, {"glass": 300}, first_seed=500)
    counts = [len(shards_of(store, run(store, tree)))]
    for day in range(24):
        make_tree(tree, {"glass": 3}, first_seed=1000 + 3 * day)
        published = run(store, tree, ingest_id=f"day-{day}")
        refs = shards_of(store, published)
        counts.append(len(refs))
        assert sum(ref.records for ref in refs) == published["splits"]["train"]
    assert max(counts) <= 32
    assert min(counts[16:]) < 24


def test_the_same_images_are_one_version_whatever_shards_came_before(tree):
    store = InMemoryStore()
    first = run(store, tree)
    make_tree(tree, {"glass": 1}, first_seed=500)
    run(store, tree, ingest_id="2")
    (tree / "glass" / "0500.jpg").unlink()
    again = run(store, tree, ingest_id="3")
    assert again == {**first, "new": False}


def test_of_an_unchanged_source_no_photo_is_read_again(tree, monkeypatch):
    store = InMemoryStore()
    (tree / "MANIFEST.csv").unlink()
    first = run(store, tree)
    monkeypatch.setattr(local.LocalFile, "read", lambda file, limit: pytest.fail(file.path))
    assert run(store, tree, ingest_id="2") == {**first, "new": False}


def test_the_sources_own_test_split_is_honoured_if_asked(tmp_path):
    store, own = InMemoryStore(), {}
    for number, split in enumerate(("train", "test")):
        make_tree(tmp_path / split, {"glass": 30, "metal": 30}, first_seed=100 * number)
        own[split] = {path.name for path in (tmp_path / split).rglob("*.jpg")}
    entries = entries_of(store, run(store, tmp_path, keep_test=True))
    placed = {Path(e.path).name for e in entries if e.split is Split.TEST}
    assert placed == own["test"]
    assert {e.split for e in entries if Path(e.path).name in own["train"]} == {
        Split.TRAIN,
        Split.VAL,
    }


def test_splits_stay_when_images_come_and_go(tree):
    store = InMemoryStore()
    before = {e.path: e.split for e in entries_of(store, run(store, tree)) if e.split}
    make_tree(tree, {"glass": 15, "metal": 9}, first_seed=500)
    for number in range(0, 20, 3):
        (tree / "glass" / f"{number:04d}.jpg").unlink()
    grown = {e.path: e.split for e in entries_of(store, run(store, tree, ingest_id="2"))}
    stayed = before.keys() & grown.keys()
    assert len(stayed) == 33
    assert all(grown[path] is before[path] for path in stayed)


def test_an_image_that_comes_back_comes_back_to_its_split(tree):
    store = InMemoryStore()
    first = run(store, tree)
    gone = next(e.path for e in entries_of(store, first) if e.split is Split.TEST)
    data = (tree / gone).read_bytes()
    (tree / gone).unlink()
    run(store, tree, ingest_id="2")
    (tree / gone).write_bytes(data)
    assert run(store, tree, ingest_id="3")["version"] == first["version"]


def test_a_relabelled_image_keeps_its_split_under_its_new_label(tree):
    store = InMemoryStore()
    (before,) = [e for e in entries_of(store, run(store, tree)) if e.path == "glass/0003.jpg"]
    (tree / "glass" / "0003.jpg").rename(tree / "metal" / "moved.jpg")
    after = entries_of(store, run(store, tree, ingest_id="2"))
    (moved,) = [e for e in after if e.path == "metal/moved.jpg"]
    assert (moved.label, moved.split) == ("metal", before.split)


def test_a_strict_ingest_refuses_a_small_class_and_writes_no_ledger(tree):
    store = InMemoryStore()
    with pytest.raises(DataError, match="class 'rare' has 2 different pictures"):
        run(store, tree, strict=True)
    assert not store.exists(keys.ledger("waste"))


def test_one_class_is_refused_and_nothing_is_published(tmp_path):
    store = InMemoryStore()
    with pytest.raises(DataError, match="1 class can be learnt"):
        run(store, make_tree(tmp_path, {"glass": 9}))
    assert not list(store.keys("datasets/"))


def test_a_mostly_broken_source_is_refused_and_nothing_is_published(tree):
    store = InMemoryStore()
    for name in "abcd":
        (tree / "metal" / f"{name}.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="5 of 50 files are unreadable"):
        run(store, tree)
    assert not list(store.keys("datasets/"))
    assert list(store.keys("staging/")) == ["staging/waste/1/source.json"]


def test_a_split_that_lost_every_image_is_refused(tree):
    store = InMemoryStore()
    for entry in entries_of(store, run(store, tree)):
        if entry.split is Split.TEST:
            (tree / entry.path).unlink()
    with pytest.raises(
        DataError, match=r"split 'test' of 'waste' has no image left; expected .*\. Add new"
    ):
        run(store, tree, ingest_id="2")


@pytest.mark.parametrize("step", [steps.assign_splits, steps.write_shards, steps.publish])
def test_a_step_without_the_one_before_says_what_is_missing(step):
    with pytest.raises(DataError, match=r"staging/waste/9/.* does not exist; expected .*\. Run"):
        step(InMemoryStore(), dataset="waste", ingest_id="9")


def test_the_name_is_the_given_one_or_the_sources_own(tree):
    assert steps.dataset_name_for(str(tree)) == "tree"
    assert steps.dataset_name_for(str(tree), "waste") == "waste"
    with pytest.raises(SpecError, match="'Waste!' is no data set name"):
        steps.dataset_name_for(str(tree), "Waste!")
    assert steps.dataset_name_for("sample:") == "sample"


def test_a_wrong_name_is_refused_before_anything_is_read(tree):
    store = InMemoryStore()
    with pytest.raises(SpecError, match="is no data set name"):
        run(store, tree, name="Waste!")
    assert store.objects == {}


def published_objects(store):
    return {k: data for k, data in store.objects.items() if not k.startswith(("staging/", "seen/"))}
