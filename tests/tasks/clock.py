"""Fixed instants for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
EVENING = NOON + timedelta(hours=6)
