"""Of which shards a batch is drawn that is to be looked at."""

import pytest

from ray_jobs.contract.dataset import ShardRef
from ray_jobs.preview import main, some_shards


def shard(records: int) -> ShardRef:
    return ShardRef(key="k", sha256="0", size_bytes=1, records=records, stored=records)


def test_no_more_shards_are_fetched_than_hold_enough():
    shards = [shard(10), shard(10), shard(10)]
    assert some_shards(shards, 15) == shards[:2]
    assert some_shards(shards, 10) == shards[:1]
    assert some_shards(shards, 99) == shards
    assert some_shards([], 1) == []


def test_a_split_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]):
    given = ["--manifest", "m", "--recipe", "r", "--folder", "f", "--out", "o"]
    with pytest.raises(SystemExit, match="2"):
        main([*given, "--split", "all"])
    assert "--split" in capsys.readouterr().err
