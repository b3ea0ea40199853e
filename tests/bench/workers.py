"""Two workers of one thread beside one such worker: `make bench-workers [PAIRS=5] [STEPS=6]`.

Both train EfficientNet-B0 at 128 px with the same global batch of 32, from memory, by the loop of a
job: a process a worker, TF_CONFIG on loopback, threads as a worker with one CPU has them, in turns
of so many steps. "A CPU each": a worker may use one CPU alone. "Free": as a job starts it; a worker
of one CPU has two threads between operations, so that one alone takes more than a CPU. Required: at
least 1.8 times the images a second, with a CPU each.

Predicted before the first run: 1.75 with a CPU each, 1.5 free. A step takes 1.9 s alone, 0.95 s in
two; to that come the gradients, 16 MB, summed once for clipping and once more by the optimizer: 50
ms each time.
"""

from __future__ import annotations

import sys

from tests.bench.turns import Setting, compared, number, report

SIDES = ("two", "one")
IMAGE_PX, BATCH = 128, 32
LEAST = 1.8


def main() -> int:
    """Measure both ways, print the table, append a line to the results."""
    pairs, steps = number("PAIRS", 5), number("STEPS", 6)

    def setting(workers: int, *, pinned: bool) -> Setting:
        sizes = Setting(IMAGE_PX, BATCH, steps, pairs, augment=True)
        return sizes._replace(cpus=1, workers=workers, pinned=pinned)

    results = {
        name: compared({"two": setting(2, pinned=pinned), "one": setting(1, pinned=pinned)})
        for name, pinned in {"a CPU each": True, "free": False}.items()
    }
    report("workers", results, SIDES, LEAST)
    return 0


if __name__ == "__main__":
    sys.exit(main())
