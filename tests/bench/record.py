"""Where a benchmark keeps what it has found: a line of JSON a run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.commit import commit


def keep(name: str, found: Mapping[str, Any]) -> None:
    """Append to `test-artefacts/bench-NAME.jsonl`: when, which commit, how many cores, what."""
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1),
    }
    results = Path("test-artefacts") / f"bench-{name}.jsonl"
    results.parent.mkdir(exist_ok=True)
    with results.open("a") as file:
        file.write(json.dumps({**line, **found}) + "\n")
