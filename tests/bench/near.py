"""Grouping of near-duplicates by size: `make bench-near [SIZES="10000 100000 1000000"]`.

Half of the hashes are random; the other half are ten scenes, each bit turned over with a chance of
0.12, so that two of one scene differ in 54 bits on average, as the nearest hundredth of the pairs
of TrashNet's photos do. One in twenty is a plant: a copy of another one that differs in 0 to 28
bits. Beside it all pairs in NumPy, where that is a matter of seconds, and hashes of almost blank
pictures: all of them near each other. Each has a process of its own; memory is its peak less what
it had when the hashes were there. On a shared machine, CPU seconds are what to compare.

Predicted before the first run:
- 1e4: 0.5 s, all pairs 2 s; 1e5: 7 s; 1e6: 150 s, 600 MB; plants found: 0.99.
- the largest group has 100 hashes, by the bound for large groups.
- almost blank, 1e5: 80 s, 100 MB.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.dataset import NEAR_BITS
from tasks.near_duplicates.near import Hashes, distinct, groups, near_pairs
from tests.bench.record import keep

SIZES = "10000 100000 1000000"
ALL_PAIRS = 10_000
BLANK = 100_000
SCENES = 10
TURNED = 0.12
BITS = 256
CHUNK = 4096  # so few at a time that making the hashes takes no memory to speak of


def main() -> int:
    """Measure each size, print the table, append a line to the results."""
    sizes = [int(size) for size in os.environ.get("SIZES", SIZES).split()]
    runs = [("groups", size) for size in sizes]
    runs += [("all pairs", ALL_PAIRS), ("almost blank", BLANK)]
    measured: list[dict[str, Any]] = []
    for way, size in runs:
        measured.append(_measure(way, size))
        print("  ".join(f"{name} {value}" for name, value in measured[-1].items()), flush=True)
    keep("near", {"measured": measured})
    return 0


def _measure(way: str, size: int) -> dict[str, Any]:
    call = [sys.executable, "-m", "tests.bench.near", way, str(size)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


# --- one size, in a process of its own


def _run(way: str, size: int) -> dict[str, Any]:
    rng = np.random.default_rng(size)
    if way == "almost blank":
        hashes, source = _almost_blank(rng, size), np.zeros(0, np.int64)
    else:
        hashes, source = _photos(rng, size)
    before, started, cpu_before = _peak_mb(), time.monotonic(), time.process_time()
    answer: dict[str, Any] = {"way": way, "hashes": size}
    if way == "all pairs":
        group, answer["near"] = None, _all_pairs(hashes)
    else:
        group = groups(hashes, NEAR_BITS)
    answer["seconds"] = round(time.monotonic() - started, 1)
    answer["cpu_s"] = round(time.process_time() - cpu_before, 1)
    answer["more_mb"] = _peak_mb() - before
    if group is not None:
        answer["largest_group"] = int(np.bincount(group).max())
    if group is not None and source.size:
        grouped = group[size - source.size :] == group[source]
        answer["plants_grouped"] = round(float(grouped.mean()), 4)
    if way == "groups" and size == ALL_PAIRS:
        answer["near"] = _near(hashes)
    return answer


def _near(hashes: Hashes) -> int:
    """How many pairs the index finds."""
    rows, _ = distinct(hashes)
    return sum(pairs.first.size for pairs in near_pairs(rows, NEAR_BITS))


def _all_pairs(hashes: Hashes) -> int:
    """How many pairs are near, each compared with each."""
    rows, _ = distinct(hashes)
    near = 0
    for index in range(len(rows) - 1):
        bits = np.bitwise_count(rows[index + 1 :] ^ rows[index]).sum(axis=1)
        near += int(np.count_nonzero(bits <= NEAR_BITS))
    return near


# --- what is measured


def _photos(rng: np.random.Generator, size: int) -> tuple[Hashes, NDArray[np.int64]]:
    """Hashes, uint64 [size, 4], the plants last, and what each plant is a copy of."""
    plants = size // 20
    rows = rng.integers(0, 2**64, (size, BITS // 64), np.uint64)
    scenes = rng.integers(0, 2**64, (SCENES, BITS // 64), np.uint64)
    half = (size - plants) // 2
    for start in range(0, half, CHUNK):
        some = rows[start : min(start + CHUNK, half)]
        turned = rng.random((len(some), BITS), dtype=np.float32) < TURNED
        some[:] = scenes[rng.integers(0, SCENES, len(some))] ^ _packed(turned)
    source = rng.integers(0, size - plants, plants)
    for start in range(0, plants, CHUNK):
        some = source[start : start + CHUNK]
        bits = rng.integers(0, NEAR_BITS + 1, len(some))
        rank = rng.random((len(some), BITS), dtype=np.float32).argsort(axis=1)
        turned = _packed(rank < bits[:, np.newaxis])
        rows[size - plants + start :][: len(some)] = rows[some] ^ turned
    return rows, source


def _almost_blank(rng: np.random.Generator, size: int) -> Hashes:
    """Hashes that differ in a few of 20 bits alone: uint64 [size, 4]."""
    rows = np.zeros((size, BITS // 64), np.uint64)
    rows[:, 0] = rng.permutation(2**20)[:size]
    return rows


def _packed(bits: NDArray[np.bool_]) -> Hashes:
    return np.packbits(bits, axis=1).view(np.uint64)


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(main())
    print(json.dumps(_run(sys.argv[1], int(sys.argv[2]))))
