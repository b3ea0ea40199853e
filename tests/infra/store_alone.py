from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from infra.screen import Screen
from tasks.settings import Settings
from tests.fakes import InMemoryStore


@dataclass
class StoreAlone:
    """A session whose object store is up, and nothing else is: its settings name no MLflow."""

    objects: InMemoryStore = field(default_factory=InMemoryStore)
    told: io.StringIO = field(default_factory=io.StringIO)

    logs: Path = Path("logs")

    def __post_init__(self) -> None:
        self.screen = Screen(Console(file=self.told, width=400))

    def point_at_stack(self) -> None:
        pass

    def settings(self) -> Settings:
        return Settings()

    def store(self, profile: str) -> InMemoryStore:
        return self.objects

    def keep_report(self, run_id: str) -> Path:
        return Path(f"{run_id}.html")

    def dataset(self, name: str | None) -> str:
        return name or "sample"
