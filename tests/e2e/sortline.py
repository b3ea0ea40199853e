"""The command `sortline` as a user calls it: a process of its own, its last line as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SORTLINE = str(Path(sys.executable).with_name("sortline"))


@dataclass(frozen=True)
class Answer:
    """What a call left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out.splitlines()[-1])

    @property
    def told(self) -> str:
        """Standard error on one line, as a person reads it."""
        return " ".join(self.err.split())


def command(home: Path, *arguments: str) -> list[str]:
    words = 2 if arguments[0] == "dataset" else 1
    return [SORTLINE, *arguments[:words], "--home", str(home), *arguments[words:]]


def environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | dict(env or {})


def sortline(
    home: Path, *arguments: str, env: Mapping[str, str] | None = None, timeout_s: float = 600
) -> Answer:
    """Call it and wait."""
    done = subprocess.run(
        command(home, *arguments),
        capture_output=True,
        text=True,
        env=environment(env),
        timeout=timeout_s,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def succeed(home: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Any:
    """Call it with --json, and demand that it succeeds."""
    answer = sortline(home, *arguments, "--json", env=env)
    assert answer.code == 0, answer.err
    return answer.json
