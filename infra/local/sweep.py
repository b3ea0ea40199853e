"""Find and end every process of a stack, however it was orphaned.

A process is ours if its environment carries the mark that its first ancestor was given. Ray's
daemons leave their session and their parent, so neither groups nor ancestry would find them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import psutil

from infra.local.environment import PART_MARK, STACK_MARK

GRACE_S = 5.0
_ROUNDS = 5


def marked(stack_id: str, part: str | None = None) -> list[psutil.Process]:
    """Every live process of a stack (or of one part of it), but for this one and its ancestors."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [
        process
        for process in psutil.process_iter()
        if process.pid not in own and _carries(process, stack_id, part)
    ]


def _carries(process: psutil.Process, stack_id: str, part: str | None) -> bool:
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False  # Gone, a zombie, or somebody else's.
    if environment.get(STACK_MARK) != stack_id:
        return False
    return part is None or environment.get(PART_MARK) == part


def sweep(
    stack_id: str, part: str | None = None, *, grace_s: float = GRACE_S
) -> list[psutil.Process]:
    """End every marked process: ask first, then kill; again, until none is left.

    Args:
      stack_id: the mark.
      part: only this part of the stack.
      grace_s: seconds between asking and killing.

    Returns:
      What would not go (a process in uninterruptible sleep); empty as a rule.
    """
    found = marked(stack_id, part)
    _signal(found, psutil.Process.terminate)
    psutil.wait_procs(found, timeout=grace_s)
    for _ in range(_ROUNDS):
        found = marked(stack_id, part)
        if not found:
            break
        _signal(found, psutil.Process.kill)
        psutil.wait_procs(found, timeout=grace_s)
    return found


def kill_now(processes: Iterable[psutil.Process]) -> None:
    """Kill without asking, and wait until they are gone."""
    processes = list(processes)
    _signal(processes, psutil.Process.kill)
    psutil.wait_procs(processes, timeout=GRACE_S)


def _signal(processes: Iterable[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        try:
            send(process)
        except psutil.NoSuchProcess:
            continue
