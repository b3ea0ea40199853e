"""Two workers of one thread beside one such worker: `make bench-workers [ROUNDS=3]`.

Both train EfficientNet-B0 at 128 px with the same global batch, from memory, by the loop of a job:
a process a worker, TF_CONFIG on loopback, threads as a worker with one CPU has them, in turns of
STEPS=12 steps of 32 images: PAIRS=5 pairs of turns a round, and new processes for each round. "A
CPU each": a worker may use one CPU alone. "Free": as a job starts it; a
worker of one CPU has two threads between operations, so that one alone takes more than a CPU.
"Apart": two trainings of half the batch that know nothing of each other: what the machine has to
give.
Required: at least 1.8 times the images a second, with a CPU each.

Predicted before the first run, batch 32: 1.75 with a CPU each, 1.5 free; batch 128, once the others
were known: 1.78, for the gradients are as large as ever and come a fourth as often.
"""

from __future__ import annotations

import sys
from typing import Any

from tests.bench.turns import Setting, compared, number, report

SIDES = ("two", "one")
IMAGE_PX = 128
LEAST = 1.8


def main() -> int:
    """Measure each way, print the table, append a line to the results."""
    rounds, pairs, steps = number("ROUNDS", 3), number("PAIRS", 5), number("STEPS", 12)

    def beside_one(batch: int, **way: bool) -> dict[str, Any]:
        one = Setting(IMAGE_PX, batch, steps * 32 // batch, pairs, augment=True, cpus=1)
        one = one._replace(pinned=way.get("pinned", False))
        return compared({"two": one._replace(workers=2, **way), "one": one}, rounds)

    results = {
        "a CPU each, batch 128": beside_one(128, pinned=True),
        "a CPU each, batch 64": beside_one(64, pinned=True),
        "a CPU each, batch 32": beside_one(32, pinned=True),
        "apart, batch 32": beside_one(32, pinned=True, apart=True),
        "free, batch 32": beside_one(32),
    }
    report("workers", results, SIDES, LEAST)
    return 0


if __name__ == "__main__":
    sys.exit(main())
