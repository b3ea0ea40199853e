"""Bring Airflow's database up to the installed version, once a version."""

from __future__ import annotations

import importlib.metadata
import subprocess
from collections.abc import Mapping

from infra.local.environment import marked_environment
from infra.local.home import PRIVATE_UMASK, Home, write_private
from infra.local.launch import module
from infra.local.parts import MIGRATION
from infra.local.wait import last_words
from ray_jobs.contract.errors import ClusterError


def migrate_airflow(home: Home, user: Mapping[str, str]) -> None:
    """Run `airflow db migrate`, unless this version did so already.

    Raises:
      ClusterError: it failed.
    """
    stamp = home.data("airflow") / "migrated"
    version = importlib.metadata.version("apache-airflow")
    if stamp.exists() and stamp.read_text(encoding="utf-8") == version:
        return
    log = home.log_of(MIGRATION)
    write_private(log, "")
    with log.open("ab") as output:
        done = subprocess.run(
            module("infra.local.part", MIGRATION),
            env=marked_environment(home, MIGRATION, user),
            cwd=home.run,
            umask=PRIVATE_UMASK,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise ClusterError(
            f"airflow db migrate failed: {last_words(log)}",
            "a database of the installed version",
            f"Look at {log}",
        )
    write_private(stamp, version)
