"""What Airflow costs: `retrain_classifier` beside a plain script of the same steps.

`make bench-overhead [HOME_DIR=...] [PAIRS=2]` brings a stack up, warms it with one whole run, then
runs pairs in turn: the DAG, and a script that submits the same Ray jobs to the same cluster and
calls the same functions, one after the other, in one process. Each run has a seed of its own, so
that nothing is found done already.

Predicted before the first measurement: 25 to 40 s more. Thirteen task processes of 1 to 1.5 s
(nine steps, four resumptions after a wait), as many looks of the scheduler (0.5 to 1 s each), and
for each of the four waits up to 2 s until the trigger looks and 2 s until the task resumes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from infra.airflow_api import AirflowApi
from infra.commands.ingest import Wanted, ingest
from infra.follow import DagRun, follow
from infra.session import Session
from ray_jobs.contract import keys
from ray_jobs.contract.champion import Registration
from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.verdict import Decision, Policy
from ray_jobs.storage import read_document, write_document
from tasks.judging import champion, gate
from tasks.judging.card import assemble_card
from tasks.operators.hook import RayConnection
from tasks.operators.jobs_api import JobRequest, JobsApi, JobStatus
from tasks.planning.plan import Plan, parse_conf, plan_run
from tasks.report import publish_report
from tasks.settings import Settings
from tasks.tracking import registry
from tests.bench.record import keep

DATASET = "overhead"
RAY_STEPS = {"train": "train", "export": "export", "verify": "evaluate", "evaluate": "evaluate"}
LOOK_EVERY_S = 0.5


def main() -> int:
    """Measure, print the table, append a line to the results."""
    pairs = int(os.environ.get("PAIRS", "2"))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        session = Session.open(Path(os.environ.get("HOME_DIR", folder)) / "home")
        try:
            session.stack.up(session.screen.say)
            measured = _pairs(session, pairs)
        finally:
            session.stack.down(session.screen.say)
    _show(measured)
    keep("overhead", measured)
    return 0


def _pairs(session: Session, pairs: int) -> dict[str, list[dict[str, float]]]:
    ingest(session, Wanted("sample:", DATASET))
    api = session.airflow()
    for run in api.active_runs("retrain_classifier"):  # the ingest's asset has started one: warm
        follow(api, DagRun("retrain_classifier", run), show=lambda _: None, logs=session.logs)
    seeds = iter(range(1000, 2000))
    measured: dict[str, list[dict[str, float]]] = {"dag": [], "script": []}
    _dag(session, api, next(seeds))
    for _ in range(pairs):
        measured["script"].append(_script(session, next(seeds)))
        measured["dag"].append(_dag(session, api, next(seeds)))
    return measured


def _dag(session: Session, api: AirflowApi, seed: int) -> dict[str, float]:
    """Seconds of a DAG run: each task's own, and what lies between them."""
    started = time.monotonic()
    run = DagRun("retrain_classifier", api.trigger("retrain_classifier", _conf(seed)))
    snapshot = follow(api, run, show=lambda _: None, logs=session.logs)
    total = time.monotonic() - started
    times = {
        task.task_id: (task.end - task.start).total_seconds()
        for task in snapshot.tasks
        if task.start and task.end
    }
    return times | {"between": total - sum(times.values()), "total": total}


def _conf(seed: int) -> dict[str, object]:
    return {"dataset": DATASET, "recipe": "lite0_probe", "seed": seed}


def _script(session: Session, seed: int) -> dict[str, float]:
    """Seconds of the plain script, step by step."""
    settings, times = session.settings(), {}
    store = settings.store("judge")
    with _timed(times, "total"):
        with _timed(times, "plan"):
            code = settings.code_version or "bench"
            planned = plan_run(store, parse_conf(_conf(seed)), code_version=code)
        _job(session, planned, "train", times)
        with _timed(times, "register"):
            registered = registry.register_candidate(settings, store, planned.run_id)
        for name in ("export", "verify", "evaluate"):
            _job(session, planned, name, times)
        _judge(settings, planned, registered, times)
    return times


def _job(session: Session, planned: Plan, name: str, times: dict[str, float]) -> None:
    with _timed(times, name):
        asyncio.run(_run_job(session, planned, name))


async def _run_job(session: Session, planned: Plan, name: str) -> None:
    token = session.stack.ray_token_file.read_text().strip()
    url = session.stack.ray_dashboard_url
    request = JobRequest(
        ["python", "-m", f"ray_jobs.{name}_job", "--spec", planned.spec_uri],
        env_vars={"AWS_PROFILE": RAY_STEPS[name]},
        num_cpus=None if name in ("train", "evaluate") else 1,
    )
    async with RayConnection(address=url, dashboard_url=url, token=token).client() as client:
        api, submission_id = JobsApi(client), f"script-{planned.run_id}-{name}"
        await api.submit(submission_id, request)
        while not (job := await api.find(submission_id)) or not job.status.is_terminal:
            await asyncio.sleep(LOOK_EVERY_S)
    if job.status is not JobStatus.SUCCEEDED:
        raise RuntimeError(f"{submission_id}: {job.message}")


def _judge(
    settings: Settings, planned: Plan, registered: Registration, times: dict[str, float]
) -> None:
    store, run_id, version = settings.store("judge"), planned.run_id, registered.model_version
    with _timed(times, "gate"):
        pointer = champion.read(store, planned.model).pointer
        verdict = gate.judge(store, run_id, pointer, Policy())
    with _timed(times, "promote"):
        if verdict.decision is Decision.PROMOTED:
            to = champion.move(version, run_id, by="script", at=datetime.now(UTC))
            champion.promote(store, planned.model, to, judged_against=verdict.champion_before)
        write_document(store, verdict, keys.run(run_id, "verdict.json"))
        gate.mark(store, planned.model, run_id)
        registry.set_verdict_tags(settings, planned.model, version, verdict)
        if (now := champion.read(store, planned.model).pointer) is not None:
            registry.set_champion_alias(settings, planned.model, now.model_version)
    with _timed(times, "report"):
        card = assemble_card(store, run_id, planned.model, version)
        key = publish_report(
            store, card, read_document(store, DatasetManifest, card.spec.manifest.key)
        )
        registry.keep_report(settings, store, registered.mlflow_run_id, key)
        registry.keep_card(settings, registered.mlflow_run_id, card)
        write_document(store, card, keys.judged(run_id, "card.json"))


@contextmanager
def _timed(times: dict[str, float], name: str) -> Generator[None]:
    started = time.monotonic()
    yield
    times[name] = time.monotonic() - started


def _show(measured: dict[str, list[dict[str, float]]]) -> None:
    names = list(dict.fromkeys(name for run in measured["dag"] for name in run))
    print(f"{'seconds':10} {'script':>8} {'DAG':>8} {'more':>8}")
    for name in names:
        script, dag = (_mean(measured[kind], name) for kind in ("script", "dag"))
        print(f"{name:10} {script:8.1f} {dag:8.1f} {dag - script:8.1f}")


def _mean(runs: list[dict[str, float]], name: str) -> float:
    return sum(run.get(name, 0.0) for run in runs) / len(runs)


if __name__ == "__main__":
    sys.exit(main())
