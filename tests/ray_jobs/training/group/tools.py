"""What a training works with in a group: its own loop's tools, without Ray and S3.

The store is a dictionary, and checkpoints lie in a folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.recipe import Recipe
from ray_jobs.contract.run import ManifestRef, Resources, RunSpec
from ray_jobs.contract.training import EpochMetrics
from ray_jobs.training import checkpoint
from ray_jobs.training.checkpoint import Parts
from ray_jobs.training.journal import Journal
from ray_jobs.training.keeper import Keeper
from ray_jobs.training.loop import Tools
from ray_jobs.training.outcome import TrainingState
from ray_jobs.training.progress import ProgressBoard
from ray_jobs.training.step_log import StepMetrics
from ray_jobs.training.trace import Trace, WorkerTrace
from ray_jobs.training.watchdog import Watchdog
from ray_jobs.training.worker import Worker
from tests.dataset_version import in_store
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.conftest import jpeg
from tests.ray_jobs.training.group.member import CLASSES, Member

# Four shards are of six, of which two workers have two each; validation's one is one's alone.
PHOTOS = {
    Split.TRAIN: [(jpeg(n), n % CLASSES) for n in range(24)],
    Split.VAL: [(jpeg(100 + n), n % CLASSES) for n in range(7)],
}


class Rows:
    """A log that keeps the rows."""

    def __init__(self) -> None:
        self.rows: list[StepMetrics] = []

    def step(self, metrics: StepMetrics) -> None:
        self.rows.append(metrics)

    def epoch(self, metrics: EpochMetrics) -> None:
        pass

    def put(self) -> None:
        pass


class FolderKeeper(Keeper):
    """Keeps a checkpoint after each step, in a folder of this worker's own."""

    def __init__(self, folder: Path, start: Path | None = None) -> None:
        self._folder, self._start = folder, start
        self.states: list[TrainingState] = []

    def going_on_from(self, place: int) -> FolderKeeper:
        """Another, of a training that goes on from a checkpoint of this one."""
        start = self._folder / str(place)
        return FolderKeeper(self._folder.with_name(f"from-{place}"), start)

    def is_due(self) -> bool:
        return True

    def restore(self) -> tuple[TrainingState, Parts] | None:
        return self._start and checkpoint.load(self._start, "the test's")

    def keep(self, state: TrainingState, parts: Parts, first: Callable[[], None]) -> None:
        first()
        folder = self._folder / str(len(self.states))
        folder.mkdir(parents=True)
        checkpoint.save(folder, state, parts, "the test's")
        self.states.append(state)


def tools_of(
    member: Member, recipe: Recipe, keeper: Keeper, dog: Watchdog | None = None, shards: int = 4
) -> tuple[Tools, Rows]:
    """What a phase works with, and the log that its journal writes.

    Args:
      member: who works.
      recipe: of the training.
      keeper: of its checkpoints.
      dog: its watchdog; none bites where there is none.
      shards: into which the training images are dealt.
    """
    dog = dog or Watchdog(limit_s=float("inf"))
    worker, rows = _worker(member, recipe, shards, dog), Rows()
    trace = WorkerTrace(rank=member.rank, workers=member.world, replicas=member.world)
    journal, traced = Journal(rows), Trace(worker.store, "r", trace)
    return Tools(worker, member.strategy, keeper, journal, traced), rows


def _worker(member: Member, recipe: Recipe, shards: int, watchdog: Watchdog) -> Worker:
    store = InMemoryStore()
    manifest = in_store(store, "d", PHOTOS, [str(n) for n in range(CLASSES)], shards=shards)
    spec = RunSpec(
        run_id="r",
        fingerprint="r",
        manifest=ManifestRef(dataset="d", version="v1", key="d"),
        recipe=recipe,
        seed=1,
        resources=Resources(workers_min=member.world, workers_max=member.world),
        code_version="c",
    )
    board = ProgressBoard(store, "r")
    return Worker(member.rank, member.world, 1, spec, manifest, store, board, watchdog)
