"""What the gate says of two models of a known accuracy, on 1,000 made-up test splits each.

`python -m tests.bench.gate [POINTS...]`: how many points better the candidate truly is.
"""

from __future__ import annotations

import sys

from ray_jobs.contract.verdict import Aim, Decision, Policy
from tests.tasks.judging.rivals import decisions

CHAMPION = 0.90
DRAWS = 1000
POINTS = (-1.0, 0.0, 1.0, 2.0, 3.0)


def main() -> None:
    """Print a line a difference and aim."""
    for points in [float(one) for one in sys.argv[1:]] or POINTS:
        for aim in Aim:
            candidate = CHAMPION + points / 100
            said = decisions(candidate, CHAMPION, Policy(aim=aim), draws=DRAWS)
            print(f"{points:+.0f} points, {aim}: {said[Decision.PROMOTED]} of {DRAWS} promoted")


if __name__ == "__main__":
    main()
