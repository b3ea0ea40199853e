"""An ingest that is killed at any moment and goes on gives what an undisturbed one gives."""

import threading

import pytest

from tasks.ingest import steps
from tests.fakes import InMemoryStore
from tests.tasks.ingest.pictures import make_tree

ADDRESS = {"dataset": "waste", "ingest_id": "1"}


class Killed(BaseException):
    pass


class DyingStore(InMemoryStore):
    """Dies at its n-th call, before or after the call has had its effect; lives on the next day."""

    def __init__(self, dies_at, *, after):
        super().__init__()
        self._lock = threading.Lock()
        self._dies_at, self._after, self.calls = dies_at, after, 0

    def __getattribute__(self, name):
        value = super().__getattribute__(name)
        if name not in {"get_tagged", "get", "put", "compare_and_set", "exists", "delete_one"}:
            return value

        def call(*args, **kwargs):
            with self._lock:
                self.calls += 1
                dies = self.calls == self._dies_at
            if dies and not self._after:
                raise Killed
            answer = value(*args, **kwargs)
            if dies:
                raise Killed
            return answer

        return call

    def delete(self, keys):
        for key in keys:
            self.delete_one(key)

    def delete_one(self, key):
        self.objects.pop(key, None)


def each_step(store, source):
    asked = steps.Asked(str(source), "folder")
    return [
        lambda: steps.inspect_source(store, asked, **ADDRESS),
        lambda: steps.assign_splits(store, **ADDRESS),
        lambda: steps.write_shards(store, **ADDRESS),
        lambda: steps.publish(store, **ADDRESS),
    ]


def run_through(store, source):
    """Run the steps, each again after it was killed; the last answer."""
    answer = None
    for step in each_step(store, source):
        try:
            answer = step()
        except Killed:
            answer = step()
    return answer


def published(store):
    """All but what tells which ingest it was."""
    own = ("staging/", "seen/")
    return {key: data for key, data in store.objects.items() if not key.startswith(own)}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_tree(tmp_path_factory.mktemp("source"), {"glass": 3, "metal": 3})


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_ingest_killed_at_any_call_and_repeated_gives_the_same_objects(source, after):
    undisturbed = DyingStore(None, after=after)
    expected = run_through(undisturbed, source)
    assert undisturbed.calls > 40
    for dies_at in range(1, undisturbed.calls + 1):
        store = DyingStore(dies_at, after=after)
        answer = run_through(store, source)
        assert published(store) == published(undisturbed), dies_at
        assert answer["version"] == expected["version"]


def test_an_ingest_killed_at_any_call_and_begun_anew_gives_the_same_objects(source):
    undisturbed = DyingStore(None, after=False)
    run_through(undisturbed, source)
    for dies_at in range(1, undisturbed.calls + 1, 3):
        store = DyingStore(dies_at, after=True)
        with pytest.raises(Killed):
            [step() for step in each_step(store, source)]
        run_through(store, source)
        assert published(store) == published(undisturbed), dies_at
