"""The processes of a stack: to be asked, and to be killed one by one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TypeVar

import psutil

from infra.local.parts import Part
from infra.local.stack import Stack
from infra.local.supervisor_conf import NAME
from infra.local.sweep import kill_now, marked
from tests.e2e.local_stack import home_of

Answer = TypeVar("Answer")


def processes_of(stack: Stack) -> list[psutil.Process]:
    """Every live process of the stack."""
    return marked(home_of(stack).stack_id)


def answers(
    processes: Iterable[psutil.Process], question: Callable[[psutil.Process], Answer]
) -> list[tuple[psutil.Process, Answer]]:
    """Each process with its answer; not those that have ended since they were listed.

    Somebody else's, and those that nobody has waited for yet, do not answer either.
    """
    found: list[tuple[psutil.Process, Answer]] = []
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            found.append((process, question(process)))
    return found


def command_line(process: psutil.Process) -> str:
    """Its words, with a blank between them."""
    return " ".join(process.cmdline())


def part_of(stack: Stack, part: Part) -> psutil.Process:
    """The process that the supervisor started for a part."""
    # By its parent: Ray's daemons have left theirs.
    supervisors = {process.pid for process in marked(home_of(stack).stack_id, NAME)}
    parents = answers(marked(home_of(stack).stack_id, part), psutil.Process.ppid)
    (root,) = [process for process, parent in parents if parent in supervisors]
    return root


def task_process(stack: Stack, ti_id: str) -> psutil.Process | None:
    """The process in which a task instance runs its own code, if it does now."""
    return _oldest(_with(stack, Part.SCHEDULER, f"airflow worker -- {ti_id}"))


def executor_worker(stack: Stack, ti_id: str) -> psutil.Process | None:
    """The LocalExecutor's process that has this task instance in hand."""
    # A title is cut short where the command line was; a child has its parent's until it sets one.
    return _oldest(_with(stack, Part.SCHEDULER, f"LocalExecutor: {ti_id[:28]}"))


def driver_of(stack: Stack, step: str) -> psutil.Process | None:
    """The driver of a step's Ray job; not the shell around it."""
    found = _with(stack, Part.RAY, f"ray_jobs.{step}_job")
    return max(found, key=lambda process: process.create_time(), default=None)


def kill_everything(stack: Stack) -> int:
    """Kill -9 of every process of the stack, the supervisor first; how many there were."""
    supervisors = marked(home_of(stack).stack_id, NAME)
    kill_now(supervisors)
    parts = processes_of(stack)
    kill_now(parts)
    return len(supervisors) + len(parts)


def _oldest(found: list[psutil.Process]) -> psutil.Process | None:
    return min(found, key=lambda process: process.create_time(), default=None)


def _with(stack: Stack, part: Part, text: str) -> list[psutil.Process]:
    candidates = [
        process
        for process in psutil.process_iter(["cmdline"])
        if text in " ".join(process.info["cmdline"] or ())
        and "/bin/sh" not in (process.info["cmdline"] or ())
    ]
    ours = {process.pid for process in marked(home_of(stack).stack_id, part)} if candidates else ()
    return [process for process in candidates if process.pid in ours]
