from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from rich.console import Console

from infra.local.stack import Stack
from infra.screen import Screen
from infra.session import Session
from tests.fakes import InMemoryStore


@dataclass(frozen=True)
class StoreAlone(Session):
    """A session whose object store is up, and nothing else is: its stack was never started."""

    objects: InMemoryStore = field(default_factory=InMemoryStore)

    @classmethod
    def open(cls, home: Path) -> Self:
        return cls(Stack.at(home, {}), Screen(Console(file=io.StringIO(), width=400)))

    @property
    def told(self) -> str:
        """What a person has read so far."""
        assert isinstance(self.screen.console.file, io.StringIO)
        return self.screen.console.file.getvalue()

    def point_at_stack(self) -> None:
        """Change nothing of this process."""

    def store(self, profile: str) -> InMemoryStore:
        return self.objects
