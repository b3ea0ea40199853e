"""Run one part of the stack: `python -m infra.local.part NAME`.

Sweeps what an earlier life of the part left, reads its secrets from their files, and becomes the
part. So no secret is in a command line nor in the supervisor's configuration.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from infra.local.environment import HOME_VARIABLE, marked_environment
from infra.local.home import PRIVATE_UMASK, Home
from infra.local.launches import launch_of
from infra.local.plan import Plan
from infra.local.state import read_state
from infra.local.sweep import sweep

# An orphan keeps ports and locks that the new life needs; it had its chance to end in order.
_GRACE_S = 1.0


def main(name: str) -> None:
    """Become the part."""
    os.umask(PRIVATE_UMASK)
    home = Home(Path(os.environ[HOME_VARIABLE]))
    sweep(home.stack_id, name, grace_s=_GRACE_S)
    launch = launch_of(Plan(home, read_state(home)), name)
    secrets = {
        variable: path.read_text(encoding="utf-8").strip()
        for variable, path in launch.secrets.items()
    }
    environment = marked_environment(home, name, os.environ) | launch.variables | secrets
    os.execve(launch.command[0], launch.command, environment)


if __name__ == "__main__":
    main(sys.argv[1])
