"""The start of a training job, taken apart: `make bench-job-start [RUNS=5] [WORKERS=2]`.

On the real stack, an ingest of the drawn sample, then so many trainings of `b0_scratch` for one
epoch, one after the other, each with a seed of its own, posted to the Jobs API as Airflow does.
From the post on: when the processes of the job began (of the driver, Ray Train's controller, the
first worker), and what the chief's trace says it reached when. Its shards lie on the disk since the
first of the runs. The first step traces; the second does not. Medians of the runs.

Predicted before the first run: 40 s to the end of the first step. Driver 2 s, controller 3, workers
2.5, TensorFlow imported 6, joined 1, data 0.3, networks 3, first step 22, second 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

import psutil

from infra.commands.ingest import Wanted, ingest
from infra.local.environment import HOME_VARIABLE
from infra.session import Session
from ray_jobs.contract import keys
from ray_jobs.storage import read_document
from ray_jobs.training.trace import WorkerTrace
from tasks.operators.hook import RayConnection
from tasks.operators.jobs_api import JobRequest, JobsApi, JobStatus
from tasks.planning.plan import Plan, parse_conf, plan_run
from tasks.settings import DATASET_VARIABLE
from tests.bench.record import keep

DATASET = "start"
# What a process of the job is known by.
PROCESSES = {
    "driver": "ray_jobs.train_job",
    "controller": "ray::TrainController",
    "worker": "ray::RayTrainWorker",
}
LOOK_EVERY_S = 0.5

Moments = dict[str, float]


def main() -> int:
    """Measure, print the table, append a line to the results."""
    runs = int(os.environ.get("RUNS", "5"))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        session = Session.open(Path(os.environ.get("HOME_DIR", folder)) / "home")
        try:
            session.stack.up(session.screen.say)
            session.require_up()
            session.airflow().set_variable(DATASET_VARIABLE, "none-of-these")
            ingest(session, Wanted("sample:", DATASET))
            measured = [_start(session, seed) for seed in range(runs)]
        finally:
            session.stack.down(session.screen.say)
    report(measured)
    return 0


def report(measured: list[Moments]) -> None:
    """A row for each moment: after the post, and after the moment before it."""
    names = sorted(measured[0], key=lambda name: median(run[name] for run in measured))
    after = {name: round(median(run[name] for run in measured), 2) for name in names}
    steps = {
        name: round(median(run[name] - run[before] for run in measured), 2)
        for before, name in pairwise(names)
    }
    sys.stdout.write(f"{'seconds':14} {'after post':>10} {'after that':>10}\n")
    for name in names[1:]:
        sys.stdout.write(f"{name:14} {after[name]:10.2f} {steps[name]:10.2f}\n")
    keep("job-start", {"runs": len(measured), "after_post_s": after, "steps_s": steps})


def _start(session: Session, seed: int) -> Moments:
    """One training: each moment in seconds after its post."""
    planned, store = _plan(session, seed), session.settings().store("judge")
    posted = datetime.now(UTC).timestamp()
    seen = asyncio.run(_run(session, planned))
    trace = read_document(store, WorkerTrace, keys.run(planned.run_id, "workers/0.json"))
    seen |= {name: at.timestamp() for name, at in trace.reached.items()}
    return {"post": 0.0} | {name: at - posted for name, at in seen.items()}


def _plan(session: Session, seed: int) -> Plan:
    conf: dict[str, object] = {
        "dataset": DATASET,
        "recipe": "b0_scratch",
        "seed": seed,
        "overrides": {"epochs": "1"},
    }
    conf["workers_min"] = conf["workers_max"] = int(os.environ.get("WORKERS", "2"))
    return plan_run(session.settings().store("judge"), parse_conf(conf), code_version="bench")


async def _run(session: Session, planned: Plan) -> Moments:
    """Post the job and wait for its end; when its processes began, by the clock of this machine."""
    token = session.stack.ray_token_file
    assert token is not None
    url = session.stack.ray_dashboard_url
    connection = RayConnection(address=url, dashboard_url=url, token=token.read_text().strip())
    entrypoint = ["python", "-m", PROCESSES["driver"], "--spec", planned.spec_uri]
    request = JobRequest(entrypoint, env_vars={"AWS_PROFILE": "train"})
    submission_id, seen = f"start-{planned.run_id}", Moments()
    async with connection.client() as client:
        api = JobsApi(client)
        await api.submit(submission_id, request)
        while not (job := await api.find(submission_id)) or not job.status.is_terminal:
            seen = _processes(str(session.stack.home)) | seen
            await asyncio.sleep(LOOK_EVERY_S)
    if job.status is not JobStatus.SUCCEEDED:
        raise RuntimeError(f"{submission_id}: {job.message}")
    return seen


def _processes(home: str) -> Moments:
    """When those that are there now began."""
    found = Moments()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            line = " ".join(process.cmdline())
            name = next((name for name, mark in PROCESSES.items() if mark in line), None)
            if name is None or process.environ().get(HOME_VARIABLE) != home:
                continue
            began = _began(process)
            found[name] = min(began, found.get(name, began))
    return found


def _began(process: psutil.Process) -> float:
    # The boot's own time is in whole seconds: what counts from it is put on today's clock.
    since_boot = process.create_time() - psutil.boot_time()
    return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot)


if __name__ == "__main__":
    sys.exit(main())
