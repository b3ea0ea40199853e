"""Our training step beside bare Keras's `train_on_batch`: `make bench-step [ROUNDS=5]`.

EfficientNet-B0, the whole network, Adam with clipping, data in memory; both in one process, with
all cores, in turns of STEPS=4 steps: PAIRS=5 pairs of turns a round, and a new process for each
round. Ours is the loop of a job: under the strategy, reading each step's sums, showing its
progress. Required: at least 0.98 of Keras's images a second.

Predicted before the first whole run, after a profile of single steps: 1.00 at 160 px, 0.99 at 96
px: 5 ms a step for sums, progress and the look at every gradient, less what Keras's metrics cost.
Before the first run in one process: the same.
"""

from __future__ import annotations

import sys
from itertools import product

from tests.bench.turns import Setting, compared_within, number, report

SIDES = ("ours", "keras")
LEAST = 0.98


def main() -> int:
    """Measure each size, print the table, append a line to the results."""
    rounds, pairs, steps = number("ROUNDS", 5), number("PAIRS", 5), number("STEPS", 4)
    results = {
        f"{image_px} px, batch {batch}": compared_within(
            Setting(image_px, batch, steps, pairs, keras=True), rounds
        )
        for image_px, batch in product((96, 160), (32, 16))
    }
    report("step", results, SIDES, LEAST)
    return 0


if __name__ == "__main__":
    sys.exit(main())
