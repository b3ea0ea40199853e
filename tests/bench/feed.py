"""A training fed from shards beside one fed from memory: `make bench-feed [ROUNDS=3]`.

Both are the loop of a job with EfficientNet-B0, batch 16, with mixing in the step, in a process
each, on all cores, in turns of STEPS=12 steps: PAIRS=5 pairs of turns a round, and new processes
for each round. One reads JPEGs from shards (those of SORTLINE_TRASHNET, or drawn ones) and does
everything that `augment` does; the other has two batches in memory. Required: at least 0.95 of the
images a second.

Predicted before the first run: 0.97 at 160 px, 0.98 at 224 px. On the host an image costs 1.4 and
1.6 ms of CPU, in the step some 90 and 180; "whole" 0.02 less, for the shuffling and the beginning
of a short epoch.
"""

from __future__ import annotations

import sys

from tests.bench.turns import Setting, compared, number, report

SIDES = ("shards", "memory")
BATCH = 16
LEAST = 0.95


def main() -> int:
    """Measure each size, print the table, append a line to the results."""
    rounds, pairs, steps = number("ROUNDS", 3), number("PAIRS", 5), number("STEPS", 12)
    results = {
        f"{image_px} px": compared(
            {
                feed: Setting(image_px, BATCH, steps, pairs, feed=feed, augment=True)
                for feed in SIDES
            },
            rounds,
        )
        for image_px in (160, 224)
    }
    report("feed", results, SIDES, LEAST)
    return 0


if __name__ == "__main__":
    sys.exit(main())
