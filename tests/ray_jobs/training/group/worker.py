"""One worker of a group: a process that `processes` starts, which does its tasks and ends."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ray_jobs.training.strategy import configure_devices, make_strategy
from tests.ray_jobs.training.group import hurt, outcomes, steps, trainings
from tests.ray_jobs.training.group.member import Member
from tests.ray_jobs.training.group.processes import LIMIT_S

_TASKS: dict[str, Callable[[Member], object]] = {
    task.__name__: task
    for task in (
        steps.step,
        steps.step_in_parts,
        steps.wishes,
        steps.overflow,
        steps.optimizers,
        steps.batch_norm,
        steps.validation,
        steps.collectives,
        trainings.training,
        trainings.uneven_training,
        hurt.broken_training,
        hurt.hanging_training,
        hurt.warned_training,
        trainings.two_phases,
        outcomes.outcome,
    )
}


def main(folder: Path, tasks: Sequence[str]) -> None:
    """Do the tasks, and leave the answers as `<rank>.json`."""
    faulthandler.dump_traceback_later(LIMIT_S, exit=True)  # and so outlives nobody
    told = json.loads(os.environ["TF_CONFIG"])
    rank, world = told["task"]["index"], len(told["cluster"]["worker"])
    configure_devices(cpus=1, use_gpu=False)
    member = Member(rank, world, make_strategy(use_gpu=False), folder / f"worker-{rank}")
    member.folder.mkdir()
    with contextlib.chdir(member.folder):
        answers = {name: _TASKS[name](member) for name in tasks}
    (folder / f"{rank}.json").write_text(json.dumps(answers))
    member.meet()  # who goes first takes the others with him


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
