"""What each row found, as a Markdown table and as a log of the whole run."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

TABLE_VARIABLE = "SORTLINE_FAULT_TABLE"
LOG_VARIABLE = "SORTLINE_FAULT_LOG"
_PLACES = ((re.compile(r"/(tmp|work|root|home)/[^\s'\",)]*"), "<path>"),)
_HEAD = "| fault | what is seen | seconds to recover | Ray jobs started | lost |"


@dataclass
class Row:
    """One fault; `seconds` from the fault until what is told in `recovered_when`."""

    fault: str
    seen: str = "not run to its end"
    seconds: float | None = None
    recovered_when: str = ""
    jobs: str = ""
    lost: str = "**not shown**"

    def __str__(self) -> str:
        took = "" if self.seconds is None else f"{self.seconds:.0f} ({self.recovered_when})"
        return f"| {self.fault} | {self.seen} | {took} | {self.jobs} | {self.lost} |"


@dataclass
class FaultTable:
    """The rows so far; written anew after each, so that a run cut short leaves what it saw."""

    rows: list[Row] = field(default_factory=list)
    _start: float = field(default_factory=time.monotonic)

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.say(str(row))
        if path := os.environ.get(TABLE_VARIABLE):
            lines = [_HEAD, "| --- | --- | ---: | --- | --- |", *map(str, self.rows)]
            Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def say(self, text: str) -> None:
        """A line of the log, with the seconds since the start and no path of this machine."""
        if path := os.environ.get(LOG_VARIABLE):
            with Path(path).open("a", encoding="utf-8") as log:
                log.write(f"{time.monotonic() - self._start:8.1f}  {scrub(text)}\n")


def scrub(text: str) -> str:
    """The text with every path of this machine replaced."""
    for pattern, name in _PLACES:
        text = pattern.sub(name, text)
    return text
