"""Take the stack down and leave no process and no socket behind; data stay."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import psutil

from infra.local.health import statuses
from infra.local.home import Home, using
from infra.local.locks import exclusive
from infra.local.parts import PartStatus
from infra.local.plan import Plan
from infra.local.ray_head import clear_session
from infra.local.sockets import remove_socket_files
from infra.local.state import read_state
from infra.local.supervisor import Supervisor
from infra.local.supervisor_conf import NAME
from infra.local.sweep import kill_now, marked, sweep
from ray_jobs.contract.errors import ClusterError, SortlineError

# A little more than the supervisor gives each part.
_ORDERLY_S = 8.0
# What the supervisor could not reach is orphaned: it is asked once more, shortly.
_GRACE_S = 2.0


def take_down(home: Home, report: Callable[[str], None]) -> list[PartStatus]:
    """Stop every process of this home; external parts are left alone.

    Raises:
      SpecError: the home cannot be used.
    """
    with using(home):
        exists = home.root.exists()
    if not exists:
        end(home)
        return statuses(Plan(home, read_state(home)), {})
    with exclusive(home, report):
        report(f"stopping {len(marked(home.stack_id))} processes")
        end(home)
        return statuses(Plan(home, read_state(home)), {})


def end(home: Home) -> None:
    """Stop in order what can be, sweep what is left, remove the sockets.

    Raises:
      ClusterError: a process would not go.
    """
    Supervisor(home).stop(timeout_s=_ORDERLY_S)
    _wait_for_supervisor(home)
    left = sweep(home.stack_id, grace_s=_GRACE_S)
    if left:
        raise ClusterError(
            f"processes {', '.join(str(process.pid) for process in left)} do not end",
            "no process of this stack",
            "They hang in the kernel: look at its log, restart the machine",
        )
    remove_socket_files(_ports(home))
    clear_session(home)
    shutil.rmtree(home.run, ignore_errors=True)
    home.remove_short_run()


def _ports(home: Home) -> dict[str, int]:
    try:
        return read_state(home).ports
    except SortlineError:
        return {}  # A damaged state must not keep anyone from stopping.


def _wait_for_supervisor(home: Home) -> None:
    # Parts that the sweep kills would be started again by a supervisor that lives on.
    supervisors = marked(home.stack_id, NAME)
    _, alive = psutil.wait_procs(supervisors, timeout=2)
    kill_now(alive)
