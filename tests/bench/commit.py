"""Which commit a benchmark measured."""

from __future__ import annotations

import subprocess


def commit() -> str:
    """The short hash of this checkout's commit; empty outside of one."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
