"""What happens to a run, as seen from outside twice a second: its tasks, and every Ray job."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from infra.airflow_api import AirflowApi
from infra.local.stack import Stack
from ray_jobs.contract.errors import SortlineError

_LOOK_EVERY_S = 0.5
ALIVE = {"PENDING", "RUNNING"}


class RayJobs:
    """The Jobs API of a stack, past any proxy."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def all(self) -> list[dict[str, Any]]:
        """Every submitted job that the cluster remembers."""
        token = self._stack.ray_token_file.read_text().strip()
        answer = httpx.get(
            f"{self._stack.ray_dashboard_url}/api/jobs/",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=10,
        )
        return [job for job in answer.raise_for_status().json() if job["submission_id"]]

    def states(self) -> dict[str, str]:
        return {job["submission_id"]: job["status"] for job in self.all()}

    def alive(self) -> list[str]:
        return sorted(name for name, state in self.states().items() if state in ALIVE)


@dataclass
class Watch:
    """Samples until the block ends; each change is a line of the journal.

    `started` counts what was submitted, by job name: an id that comes again with another start,
    as after a lost head, counts again. `most_alive` is how many of one name were alive at once.
    """

    jobs: RayJobs
    airflow: AirflowApi
    say: Callable[[str], None]
    started: dict[str, set[tuple[str, int]]] = field(default_factory=lambda: defaultdict(set))
    most_alive: dict[str, int] = field(default_factory=dict)
    states: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    tries: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ids: list[str] = []
        self._old: set[tuple[str, int]] = set()
        self._job_states: dict[tuple[str, int], str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def follow(self, dag_run: str) -> None:
        """Look at the tasks of this run of `retrain_classifier`, too."""
        self._ids.append(dag_run)

    def __enter__(self) -> Self:
        self._old = {(j["submission_id"], j["start_time"]) for j in self.jobs.all()}
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def per_step(self) -> dict[str, int]:
        """Jobs started, by step: `train` of `sortline-RUN-train-1`."""
        count: dict[str, int] = defaultdict(int)
        for name, starts in self.started.items():
            count[_step_of(name)] += len(starts)
        return dict(count)

    def seen(self) -> str:
        """The tasks that did not go straight, with every state they were seen in."""
        odd = [
            f"`{task}`: {' > '.join(states)}"
            for task, states in self.states.items()
            if self.tries[task] > 1 or {"failed", "up_for_retry"} & set(states)
        ]
        return "; ".join(odd) or "every task goes straight on"

    def _look_on(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            with contextlib.suppress(httpx.HTTPError, SortlineError, KeyError, ValueError):
                self._look_at_jobs()
            for dag_run in list(self._ids):
                with contextlib.suppress(httpx.HTTPError, SortlineError, KeyError, ValueError):
                    self._look_at_tasks(dag_run)

    def _look_at_jobs(self) -> None:
        alive: dict[str, int] = defaultdict(int)
        for job in self.jobs.all():
            one = job["submission_id"], job["start_time"]
            if one in self._old:
                continue
            name = job["submission_id"].rpartition("-")[0]
            self.started[name].add(one)
            alive[name] += job["status"] in ALIVE
            if self._job_states.get(one) != job["status"]:
                self._job_states[one] = job["status"]
                self.say(f"Ray job {one[0]}: {job['status']}")
        for name, number in alive.items():
            self.most_alive[name] = max(number, self.most_alive.get(name, 0))

    def _look_at_tasks(self, dag_run: str) -> None:
        for task in self.airflow.tasks("retrain_classifier", dag_run):
            name = task.task_id if len(self._ids) == 1 else f"{task.task_id}@{dag_run[-8:]}"
            state = task.state or "none"
            self.tries[name] = task.try_number
            told = self.states[name]
            if (not told and state != "none") or (told and told[-1] != state):
                told.append(state)
                self.say(f"task {name}: {state} (try {task.try_number})")


def _step_of(name: str) -> str:
    known = [part for part in name.split("-") if part in {"train", "export", "verify", "evaluate"}]
    return known[-1] if known else name


def until(what: str, condition: Callable[[], Any], *, limit_s: float, every_s: float = 0.25) -> Any:
    """What `condition` answers once that is true; a part that is away is no answer."""
    limit = time.monotonic() + limit_s
    last: Exception | None = None
    while True:
        try:
            if answer := condition():
                return answer
        except (SortlineError, httpx.HTTPError, OSError) as error:
            last = error
        assert time.monotonic() < limit, f"waited {limit_s:g} s in vain for: {what} ({last!r})"
        time.sleep(every_s)
