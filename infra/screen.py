"""What a person sees while a run goes on: stages, and within training a bar."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from infra.airflow_api import TaskState
from infra.follow import Snapshot
from ray_jobs.contract.run import Progress

_GLYPHS = {
    "success": ("✔", "green"),
    "failed": ("✘", "red"),
    "skipped": ("-", "dim"),
    "upstream_failed": ("-", "dim"),
    "running": ("▶", "cyan"),
    "deferred": ("◌", "cyan"),
    "awaiting_input": ("?", "yellow"),
    "up_for_retry": ("↻", "yellow"),
}
_LINE_EVERY_S = 5.0


class Screen:
    """Live on a terminal; elsewhere a line a change, and one every few seconds of training."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Live | None = None
        self._seen: dict[str, str | None] = {}
        self._line_at = 0.0

    def say(self, text: str) -> None:
        """One line that stays; class names and errors are shown as they are."""
        self.console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def show(self, snapshot: Snapshot) -> None:
        """Show a run as it stands."""
        if not self.console.is_terminal:
            self._lines(snapshot)
            return
        if self._live is None:
            self._live = Live(console=self.console, refresh_per_second=4)
            self._live.start()
        self._live.update(render(snapshot))

    @contextmanager
    def settled(self) -> Generator[None]:
        """Afterwards, leave what is shown where it is; what comes next comes below."""
        try:
            yield
        finally:
            if self._live is not None:
                self._live.stop()
                self._live = None
            self._seen.clear()

    def _lines(self, snapshot: Snapshot) -> None:
        for task in snapshot.tasks:
            if task.state and self._seen.get(task.task_id) != task.state:
                self._seen[task.task_id] = task.state
                self.say(f"  {snapshot.run.dag_id}: {task.task_id} {task.state}{_took(task)}")
        now = time.monotonic()
        if snapshot.progress and now - self._line_at >= _LINE_EVERY_S:
            self._line_at = now
            self.say("    " + describe(snapshot.progress))


def render(snapshot: Snapshot) -> RenderableType:
    """A run as a table, with the training's bar below."""
    table = Table.grid(padding=(0, 2))
    for task in snapshot.tasks:
        glyph, style = _GLYPHS.get(task.state or "", ("·", "dim"))
        seconds = seconds_of(task)
        took = "" if seconds is None else f"{seconds:6.1f} s"
        table.add_row(Text(f"  {glyph} {task.task_id}", style), took, Text(task.state or "", "dim"))
    title = Text(snapshot.run.dag_id, "bold")
    if snapshot.progress is None:
        return Group(title, table)
    bar = ProgressBar(total=max(snapshot.progress.steps, 1), completed=snapshot.progress.step)
    return Group(title, table, bar, Text(describe(snapshot.progress), "cyan"))


def describe(progress: Progress) -> str:
    """One line that says where a training stands.

    Epoch, step, loss, accuracy, learning rate, images a second, time left.
    """
    parts: list[str] = [progress.phase]
    if progress.epochs:
        parts.append(f"epoch {progress.epoch}/{progress.epochs}")
    parts.append(f"step {progress.step}/{progress.steps}")
    shown: list[tuple[float | None, Callable[[float], str]]] = [
        (progress.loss, "loss {:.3f}".format),
        (progress.accuracy, "accuracy {:.3f}".format),
        (progress.learning_rate, "rate {:.2e}".format),
        (progress.images_per_s, "{:.0f} images/s".format),
        (progress.seconds_left, "{:.0f} s left".format),
    ]
    return "  ".join(parts + [words(value) for value, words in shown if value is not None])


def seconds_of(task: TaskState) -> float | None:
    """How long a task has taken, so far or in all; None before it started."""
    if task.start is None or task.state in {"skipped", "upstream_failed"}:
        return None
    return ((task.end or datetime.now(UTC)) - task.start).total_seconds()


def _took(task: TaskState) -> str:
    seconds = seconds_of(task)
    return f" ({seconds:.1f} s)" if task.end and seconds is not None else ""
