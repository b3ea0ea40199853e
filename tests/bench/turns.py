"""Trainings beside each other, in turns: only one of them works at a time.

Each has its processes (`compared`), or two share one (`compared_within`). Where a process's memory
happens to lie makes all of its steps some hundredths faster or slower: what is to tell hundredths
shares a process, or has pairs of many. `rounds` is how often new ones are started.

A turn is an epoch of so many steps. `images_per_s` counts from the end of its first step to that of
its last; `whole_images_per_s` from its beginning, which weighs more here than in an epoch of a
thousand images. The evaluation is in neither.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Any, NamedTuple

from ray_jobs.training.memory import ENVIRONMENT
from tests.bench.record import keep
from tests.ports import free_ports

Turn = dict[str, float]
Sides = tuple[str, str]


class Setting(NamedTuple):
    """What a process of a training is started with; `batch` is that of all its workers.

    With `keras`, bare Keras's `train_on_batch` has turns of its own in it.
    """

    image_px: int
    batch: int
    steps: int
    turns: int
    keras: bool = False
    feed: str = "memory"
    augment: bool = False
    cpus: int = 2
    workers: int = 1
    pinned: bool = False
    apart: bool = False


class Group:
    """The workers of one training; or, `apart`, so many trainings of one worker, at once."""

    def __init__(self, setting: Setting) -> None:
        self._apart = setting.apart
        hosts = [f"127.0.0.1:{port}" for port in free_ports(setting.workers)]
        self._workers = [_worker(setting, hosts, place) for place in range(setting.workers)]

    def answer(self) -> Turn:
        """What the turn was that has ended: the chief's word, or all trainings' sum.

        The first is the one to warm up.
        """
        answers = [_answer(worker) for worker in self._workers]
        if not self._apart:
            return answers[0]
        return {name: sum(answer[name] for answer in answers) for name in answers[0]}

    def turn(self, whose: str = "ours") -> Turn:
        """Take a turn, of the loop or of what is there beside it."""
        for worker in self._workers:
            assert worker.stdin is not None
            worker.stdin.write(f"{whose}\n")
            worker.stdin.flush()
        return self.answer()

    def __enter__(self) -> Group:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()
            worker.communicate()


def in_turns(
    takers: Mapping[str, Callable[[], Turn]], pairs: int, found: Mapping[str, list[Turn]]
) -> None:
    """Add the turns of each to what was found, in pairs, which each of them begins in its turn."""
    names = list(takers)
    for pair in range(pairs):
        first = pair % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(takers[name]())


def ratios(found: Mapping[str, list[Turn]], sides: Sides, what: str) -> list[float]:
    """One side's figures, as parts of the other's, pair by pair."""
    pairs = zip(*(found[side] for side in sides), strict=True)
    return [round(one[what] / other[what], 4) for one, other in pairs]


def middle(turns: list[Turn]) -> Turn:
    """The median of everything."""
    return {name: round(median(turn[name] for turn in turns), 3) for name in turns[0]}


def compared(settings: Mapping[str, Setting], rounds: int = 1) -> dict[str, Any]:
    """Two trainings with processes of their own."""
    found: dict[str, list[Turn]] = {name: [] for name in settings}
    for _ in range(rounds):
        with ExitStack() as stack:
            groups = {name: stack.enter_context(Group(s)) for name, s in settings.items()}
            for group in groups.values():
                group.answer()
            pairs = min(setting.turns for setting in settings.values())
            in_turns({name: group.turn for name, group in groups.items()}, pairs, found)
    return _figures(found)


def compared_within(setting: Setting, rounds: int) -> dict[str, Any]:
    """The loop beside bare Keras, in one process."""
    found: dict[str, list[Turn]] = {"ours": [], "keras": []}
    for _ in range(rounds):
        with Group(setting) as group:
            group.answer()
            group.turn("keras")
            in_turns({side: partial(group.turn, side) for side in found}, setting.turns, found)
    return _figures(found)


def _figures(found: Mapping[str, list[Turn]]) -> dict[str, Any]:
    """The ratio of the first to the second, of each pair, and the medians of each."""
    one, other = found
    parts = ratios(found, (one, other), "images_per_s")
    return {
        "ratio": median(parts),
        "ratios": parts,
        "whole_ratio": median(ratios(found, (one, other), "whole_images_per_s")),
        "cpu_ratio": median(ratios(found, (other, one), "cpu_ms_an_image")),
        **{name: middle(turns) for name, turns in found.items()},
    }


def report(name: str, results: Mapping[str, dict[str, Any]], sides: Sides, least: float) -> None:
    """A row for each comparison, and a line in the benchmark's results."""
    head = f"{sides[0]:>10} {sides[1]:>10} {'ratio':>8} {'whole':>8} {'CPU':>8}"
    sys.stdout.write(f"{'images a second':24} {head}   of the pairs\n")
    for case, found in results.items():
        rates = "".join(f"{found[side]['images_per_s']:11.2f}" for side in sides)
        parts = (found[name] for name in ("ratio", "whole_ratio", "cpu_ratio"))
        cells = rates[1:] + "".join(f" {part:8.3f}" for part in parts)
        spread = f"{min(found['ratios']):.3f} to {max(found['ratios']):.3f}"
        sys.stdout.write(f"{case:24} {cells}   {spread}\n")
    sys.stdout.write(f"required: at least {least}\n")
    keep(name, {"required": least, **results})


def number(name: str, usual: int) -> int:
    """A number from the environment."""
    return int(os.environ.get(name, str(usual)))


def _worker(setting: Setting, hosts: list[str], place: int) -> subprocess.Popen[str]:
    world, rank = hosts, place
    if setting.apart:
        world, rank = [hosts[place]], 0
        setting = setting._replace(batch=setting.batch // setting.workers)
    told = {"cluster": {"worker": world}, "task": {"type": "worker", "index": rank}}
    environment = os.environ | ENVIRONMENT | {"TF_CONFIG": json.dumps(told)}
    environment |= {"OMP_NUM_THREADS": str(setting.cpus), "TF_CPP_MIN_LOG_LEVEL": "2"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.trainee", json.dumps(setting._asdict())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=_onto(place) if setting.pinned else None,
    )


def _onto(place: int) -> Callable[[], None]:
    cpus = sorted(os.sched_getaffinity(0))
    return lambda: os.sched_setaffinity(0, {cpus[place % len(cpus)]})


def _answer(worker: subprocess.Popen[str]) -> Turn:
    assert worker.stdout is not None
    for line in worker.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise RuntimeError(f"a worker ended with exit code {worker.wait()}")
