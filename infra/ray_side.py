"""Ask a process of the Ray side, for what this side may not import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ray_jobs.contract.errors import SortlineError, from_wire


def ask(
    module: str, arguments: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
) -> Any:  # noqa: ANN401
    """The JSON on the last line of what `python -m MODULE` prints.

    Args:
      module: an entry point of `ray_jobs`.
      arguments: of its command line.
      log: where its standard error is put if it fails.
      env: variables over those of this process.

    Raises:
      SortlineError: it failed; the error that it told, if it told one.
    """
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, env=kept | dict(env or {}), check=False)
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(done.stderr)
    raise from_wire(done.stdout.decode(errors="replace")) or SortlineError(
        f"{module} ended with exit code {done.returncode} and told no error",
        "exit code 0, and JSON on the last line that it prints",
        f"Its traceback is in {log}",
    )
