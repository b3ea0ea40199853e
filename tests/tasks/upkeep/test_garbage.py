"""Garbage is what no version refers to; and nothing else ever goes."""

from datetime import timedelta

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.errors import ClusterError, SpecError
from ray_jobs.storage import read_document
from tasks.dataset.tables import to_parquet
from tasks.ingest import steps
from tasks.upkeep.collect import collect, find_garbage
from tasks.upkeep.garbage import Kind
from tests.fakes import InMemoryStore
from tests.tasks.ingest.pictures import encoded, make_tree, picture
from tests.tasks.ingest.test_ingest import entries_of, manifest_of, run
from tests.tasks.ingest.test_interrupted import DyingStore, Killed, each_step

DAY = timedelta(hours=24)


@pytest.fixture
def source(tmp_path):
    return make_tree(tmp_path / "source", {"glass": 4, "metal": 4})


def lasting(store):
    """All but what tells which ingest it was."""
    own = ("staging/", "seen/")
    return {key: data for key, data in store.objects.items() if not key.startswith(own)}


def of_versions(store):
    """All but what only grows: the ledger and the pointer."""
    moving = (keys.ledger("waste"), keys.latest("waste"))
    return {key for key in lasting(store) if key not in moving}


def removed(garbage):
    return {kind: [one.key for one in found] for kind, found in garbage.items() if found}


def test_after_a_clean_ingest_nothing_but_its_receipt_is_garbage(source):
    (source / "glass" / "twin.jpg").write_bytes((source / "glass" / "0000.jpg").read_bytes())
    (source / "metal" / "twin.png").write_bytes(encoded(picture(7), "PNG"))
    (source / "glass" / "odd.png").write_bytes(encoded(picture(7), "PNG"))
    store = InMemoryStore()
    run(store, source)
    before = lasting(store)
    found = removed(collect(store, store.now))
    assert found == {Kind.STAGING: ["staging/waste/1/published.json"]}
    assert lasting(store) == before


def test_what_is_young_stays(source):
    store = InMemoryStore()
    store.put(keys.raw_image("0" * 64), b"stray")
    assert not removed(find_garbage(store, store.now - DAY))
    assert removed(find_garbage(store, store.now)) == {Kind.RAW: [keys.raw_image("0" * 64)]}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_of_an_ingest_killed_at_any_call_nothing_is_left(source, tmp_path, after):
    grown = make_tree(tmp_path / "grown", {"glass": 4, "metal": 4, "paper": 3})
    clean = DyingStore(None, after=after)
    [step() for step in each_step(clean, source)]
    never_saw, first = of_versions(clean), clean.calls
    answer = [step() for step in each_step(clean, grown)][-1]
    expected, calls = lasting(clean), clean.calls
    for dies_at in range(first + 1, calls + 1, 4):
        store = DyingStore(dies_at, after=after)
        [step() for step in each_step(store, source)]
        with pytest.raises(Killed):
            [step() for step in each_step(store, grown)]
        collect(store, store.now)
        published = store.exists(keys.manifest("waste", answer["version"]))
        assert of_versions(store) == (of_versions(clean) if published else never_saw), dies_at
        [step() for step in each_step(store, grown)]
        assert lasting(store) == expected, dies_at


def test_two_versions_that_share_shards_keep_them(source):
    store = InMemoryStore()
    make_tree(source, {"glass": 30}, first_seed=100)
    first = run(store, source)
    make_tree(source, {"glass": 1}, first_seed=500)
    second = run(store, source, ingest_id="2")
    shards = [set(manifest_of(store, one).shards[Split.TRAIN]) for one in (first, second)]
    assert shards[0] & shards[1]
    collect(store, store.now)
    for published in (first, second):
        manifest = manifest_of(store, published)
        assert all(store.exists(ref.key) for refs in manifest.shards.values() for ref in refs)
        assert all(store.exists(keys.raw_image(e.sha256)) for e in entries_of(store, published))


def test_entries_that_a_manifest_does_not_name_go_and_its_own_stay(source):
    store = InMemoryStore()
    published = run(store, source)
    stray = keys.entries("waste", published["version"], "f" * 64)
    lost = keys.entries("waste", "0" * 12, "f" * 64)
    store.put(stray, b"")
    store.put(lost, b"")
    assert removed(collect(store, store.now))[Kind.ENTRIES] == [lost, stray]
    assert store.exists(manifest_of(store, published).entries.key)


def remember(store, dataset, source, *contents):
    """A memory as `tasks.ingest.seen` writes it, as far as garbage is concerned."""
    rows = [(f"{place}.jpg", one) for place, one in enumerate(contents)]
    key = f"{keys.seen(dataset, source)}1/000000.parquet"
    store.put(key, to_parquet(rows, {"path": "string", "sha256": "string"}))
    return key


def test_a_memory_never_outlives_the_originals_it_names(source):
    store = InMemoryStore()
    kept = entries_of(store, run(store, source))[0].sha256
    store.put(keys.raw_image("0" * 64), b"stray")
    true = remember(store, "third", "a", kept, None)
    stale = remember(store, "third", "b", kept, "0" * 64)
    store.now += DAY
    store.put(keys.raw_image("1" * 64), b"young")
    young = remember(store, "other", "c", "0" * 64, "1" * 64)
    careful = remember(store, "other", "d", "1" * 64)
    assert removed(collect(store, store.now - DAY))[Kind.MEMORY] == [young, stale]
    assert list(store.keys("seen/other/")) == [careful]
    assert list(store.keys("seen/third/")) == [true]


def deleted_in_order(store, before):
    found = []
    delete = store.delete

    def recorded(gone):
        gone = list(gone)
        found.extend(gone)
        delete(gone)

    store.delete = recorded
    collect(store, before)
    return found


def test_what_refers_goes_before_what_it_refers_to(source):
    store = InMemoryStore()
    store.put(keys.raw_image("0" * 64), b"stray")
    store.put(keys.shard("train", "0" * 64), b"stray")
    store.put(keys.entries("waste", "0" * 12, "f" * 64), b"stray")
    store.put(keys.staging("waste", "1", "source.json"), b"")
    remember(store, "waste", "stray", "0" * 64)
    order = deleted_in_order(store, store.now)
    folders = ["seen/waste/", "staging/", "datasets/waste/0", "shards/", "raw/"]
    assert [key.startswith(folder) for key, folder in zip(order, folders, strict=False)] == [
        True
    ] * 5
    assert order[5:] == [keys.collecting()]


def test_pointers_ledgers_runs_models_and_strangers_are_never_touched(source):
    store = InMemoryStore()
    run(store, source)
    others = [
        keys.run("1", "spec.json"),
        keys.judged("1", "card.json"),
        keys.champion("waste"),
        keys.weights("0"),
        "raw/README",
    ]
    others += [keys.owner("1"), keys.ledger("lost"), keys.latest("lost")]
    for key in others:
        store.put(key, b"{}")
    collect(store, store.now)
    assert all(store.exists(key) for key in [*others, keys.ledger("waste"), keys.latest("waste")])


def test_while_an_ingest_is_under_way_nothing_is_removed(source):
    store = InMemoryStore()
    store.put(keys.raw_image("0" * 64), b"stray")
    store.now += DAY
    next(iter(each_step(store, source)))()
    before = dict(store.objects)
    with pytest.raises(ClusterError, match="an ingest is under way: s3://memory/staging/waste/1/"):
        collect(store, store.now - DAY)
    assert store.objects == before


def test_a_receipt_that_is_young_does_not_hinder(source):
    store = InMemoryStore()
    store.put(keys.raw_image("0" * 64), b"stray")
    store.now += DAY
    run(store, source)
    assert removed(collect(store, store.now - DAY)) == {Kind.RAW: [keys.raw_image("0" * 64)]}


def test_an_ingest_does_not_begin_while_garbage_is_collected(source):
    store = InMemoryStore()
    store.put(keys.collecting(), b"")
    with pytest.raises(ClusterError, match=r"garbage is being collected; .*`sortline dataset gc`"):
        run(store, source)
    assert list(store.objects) == [keys.collecting()]
    collect(store, store.now)
    run(store, source)


def test_where_a_manifest_cannot_be_read_nothing_is_removed(source):
    store = InMemoryStore()
    published = run(store, source)
    store.put(keys.manifest("waste", published["version"]), b"{}")
    before = dict(store.objects)
    with pytest.raises(SpecError, match="is missing"):
        collect(store, store.now)
    assert store.objects == before


def test_an_ingest_that_staged_nothing_for_long_is_dead_and_is_begun_anew(source):
    store = InMemoryStore()
    all_steps = each_step(store, source)
    [step() for step in all_steps[:3]]
    store.now += DAY
    collect(store, store.now - DAY)
    assert not [key for key in store.objects if not key.startswith("datasets/waste/ledger")]
    answer = [step() for step in each_step(store, source)][-1]
    assert (
        read_document(store, DatasetManifest, keys.manifest("waste", answer["version"])).images.kept
        == 8
    )
    assert steps.publish(store, dataset="waste", ingest_id="1") == answer
