from hypothesis import given, settings
from hypothesis import strategies as st

from ray_jobs.contract.dataset import ImageState
from tasks.ingest.dedupe import dedupe
from tests.tasks.ingest.books import book_of, entries_of
from tests.tasks.ingest.pictures import entry


def deduped(entries):
    book = book_of(entries)
    dedupe(book)
    return entries_of(book)


def states(entries):
    return {entry.path: entry.state.value for entry in deduped(entries)}


def test_different_pictures_are_all_kept():
    assert states([entry("a/1"), entry("a/2")]) == {"a/1": "kept", "a/2": "kept"}


def test_of_equal_pixels_the_smallest_path_is_kept_and_named_by_the_others():
    first, second, third = deduped([entry(f"a/{n}", "same") for n in (3, 1, 2)])
    assert first.state is ImageState.KEPT
    assert {second.state, third.state} == {ImageState.DUPLICATE}
    assert second.duplicate_of == third.duplicate_of == "a/1"


def test_one_picture_under_two_labels_counts_as_two_conflicts():
    judged = deduped([entry("a/1", "same"), entry("b/1", "same"), entry("b/2")])
    assert [e.state.value for e in judged] == ["conflict", "conflict", "kept"]
    assert judged[0].reason == "the same picture as 'a' and 'b'"


def test_a_duplicate_within_a_conflict_is_in_conflict_too():
    found = states([entry("a/1", "same"), entry("a/2", "same"), entry("b/1", "same")])
    assert set(found.values()) == {"conflict"}


def test_what_is_set_aside_already_is_left_alone():
    broken = entry("a/1", "same", state=ImageState.QUARANTINED, reason="is broken")
    assert deduped([broken, entry("a/2", "same")])[0] == broken
    assert deduped([broken, entry("a/2", "same")])[1].state is ImageState.KEPT


files = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), min_size=1, max_size=12)


@settings(deadline=None)
@given(files)
def test_each_picture_is_kept_once_or_in_conflict(found):
    entries = [entry(f"{label}/{n}", str(pixels)) for n, (label, pixels) in enumerate(found)]
    judged = deduped(entries)
    for pixels in {e.pixel_sha256 for e in entries}:
        alike = [e for e in judged if e.pixel_sha256 == pixels]
        kept = [e for e in alike if e.state is ImageState.KEPT]
        assert len(kept) == (1 if len({e.label for e in alike}) == 1 else 0)
