"""The frame of every entry point: `--spec URI` in, an exit code out."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from ray_jobs.contract.errors import SortlineError, disk_full
from ray_jobs.contract.run import RunSpec
from ray_jobs.storage import Store, connect, read_document, split_uri


@dataclass(frozen=True)
class Job:
    """What an entry point works on; the identity is that of AWS_PROFILE."""

    spec: RunSpec
    store: Store
    bucket: str


def main(run: Callable[[Job], None], argv: Sequence[str] | None = None) -> NoReturn:
    """Read the spec, run, and exit: 0, or the error's code with the error as one line."""
    log_to_stdout()
    parser = argparse.ArgumentParser(description=sys.modules[run.__module__].__doc__)
    parser.add_argument("--spec", required=True, help="s3://BUCKET/runs/ID/spec.json")
    sys.exit(exit_code_of(lambda: run(open_job(parser.parse_args(argv).spec))))


def open_job(spec_uri: str) -> Job:
    """The order at an address, and the bucket it lies in."""
    bucket, key = split_uri(spec_uri)
    store = connect(bucket)
    return Job(spec=read_document(store, RunSpec, key), store=store, bucket=bucket)


def exit_code_of(run: Callable[[], None]) -> int:
    """Run, and turn what it raises into the last line of the log and an exit code."""
    try:
        run()
    except Exception as fault:
        traceback.print_exc()
        error = fault if isinstance(fault, SortlineError) else disk_full(fault)
        if error is None:
            return 1
        sys.stdout.write(error.to_wire() + "\n")
        return error.exit_code
    return 0


def log_to_stdout() -> None:
    """Our own log lines to standard output, bare: Ray and Airflow add the time."""
    own = logging.getLogger("ray_jobs")
    if not own.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
        own.addHandler(handler)
    own.setLevel(logging.INFO)
    own.propagate = False
    # boto3 would say at each start where it found its credentials.
    logging.getLogger("botocore").setLevel(logging.WARNING)


def quieten_tensorflow() -> None:
    """Keep TensorFlow's notes out of the log, its warnings stay; before it is imported.

    An entry point that imports it itself comes too late: there the environment must say so.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
