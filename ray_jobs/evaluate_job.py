"""Score candidate and champion on the newest test split, as shipped; writes `evaluation.json`.

Both are asked here and now, about the same images: no figure of an earlier evaluation plays a part.
Written once, but for one case: while the run has no verdict, an evaluation beside a champion, or on
a version, that is no longer the one of now is made again.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from pathlib import PurePath

from ray_jobs import entry
from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.dataset import DatasetManifest, LatestVersion, Split
from ray_jobs.contract.document import digest
from ray_jobs.contract.errors import ClusterError, SpecError
from ray_jobs.contract.evaluation import EvaluationResult, Exhibit, LeftOut
from ray_jobs.contract.run import ManifestRef
from ray_jobs.scoring.comparison import compare
from ray_jobs.scoring.scores import score
from ray_jobs.storage import Store, find_document, read_document
from ray_jobs.training.evaluation.checks import check_test_split
from ray_jobs.training.evaluation.crew import Cluster, Crew
from ray_jobs.training.evaluation.exhibits import Drawing, draw, pick, show, totals
from ray_jobs.training.evaluation.overlap import Overlap
from ray_jobs.training.evaluation.predictions import keep_predictions
from ray_jobs.training.evaluation.trial import Trial, contender, defender, hold

log = logging.getLogger("ray_jobs.evaluate")


def run(job: entry.Job, crew: Crew | None = None) -> None:
    """Evaluate, unless it was done already; with Ray's tasks, or another crew."""
    key = keys.judged(job.spec.run_id, "evaluation.json")
    champion = find_document(job.store, ChampionPointer, keys.champion(job.spec.manifest.dataset))
    found = job.store.get_tagged(key)
    if found is not None and _still_holds(job, found.data, champion):
        log.info("%s is there already", job.store.uri(key))
        return
    result = _evaluate(job, champion, crew or Cluster(job.bucket))
    if not job.store.compare_and_set(key, result.to_json(), etag=found.etag if found else None):
        raise ClusterError(
            f"{job.store.uri(key)} was written by another evaluation meanwhile",
            "one evaluation of a run at a time",
            "Run it again",
        )
    log.info("wrote %s: accuracy %s", job.store.uri(key), result.candidate.accuracy.value)


def _still_holds(job: entry.Job, data: bytes, champion: ChampionPointer | None) -> bool:
    """Whether something was decided on it, or it is of the champion and the version of now."""
    if job.store.exists(keys.run(job.spec.run_id, "verdict.json")):
        return True
    now = champion.run_id if champion else None
    if now == job.spec.run_id:  # promoted by it: beside itself, it would be no better
        return True
    try:
        found = EvaluationResult.from_json(data, origin="evaluation.json")
    except SpecError as error:
        log.warning("evaluated anew, for nothing was decided on what lies there: %s", error)
        return False
    scored = found.champion.run_id if found.champion else None
    return (scored, found.manifest.version) == (now, _latest(job.store, job.spec.manifest.dataset))


def _evaluate(job: entry.Job, champion: ChampionPointer | None, crew: Crew) -> EvaluationResult:
    started = time.monotonic()
    model = job.spec.manifest.dataset
    manifest = _newest(job.store, model)
    models = [contender(job.store, job.spec.run_id)]
    if champion is not None:
        models.append(defender(job.store, champion))
    trial = hold(job.store, crew, manifest, models)
    judging = trial.judging
    test_digest = digest([one.sha256 for one in trial.test])
    left_out = Counter(trial.left_out)
    return EvaluationResult(
        run_id=job.spec.run_id,
        manifest=_reference(manifest),
        split=Split.TEST,
        test_digest=test_digest,
        decisions_before=_decisions_before(job, keys.decisions(model)),
        decisions_on_these_images=_decisions_before(job, keys.decisions_on(model, test_digest)),
        left_out=LeftOut(same=left_out[Overlap.SAME], near=left_out[Overlap.NEAR]),
        candidate=score(judging.candidate),
        comparison=judging.champion and compare(judging.candidate, judging.champion),
        checks=check_test_split(trial.groups, judging.test, len(trial.test), manifest.classes),
        predictions=keep_predictions(job.store, job.spec.run_id, trial),
        exhibits=_exhibits(job, judging, crew),
        exhibits_of=totals(judging.candidate, judging.champion),
        seconds=time.monotonic() - started,
    )


def _newest(store: Store, dataset: str) -> DatasetManifest:
    return read_document(store, DatasetManifest, keys.manifest(dataset, _latest(store, dataset)))


def _latest(store: Store, dataset: str) -> str:
    return read_document(store, LatestVersion, keys.latest(dataset)).version


def _reference(manifest: DatasetManifest) -> ManifestRef:
    dataset, version = manifest.dataset, manifest.version
    return ManifestRef(dataset=dataset, version=version, key=keys.manifest(dataset, version))


def _decisions_before(job: entry.Job, prefix: str) -> int:
    """The verdicts of other runs whose marks lie there."""
    return sum(PurePath(mark).stem != job.spec.run_id for mark in job.store.keys(prefix))


def _exhibits(job: entry.Job, judging: Trial, crew: Crew) -> tuple[Exhibit, ...]:
    candidate, champion = judging.candidate, judging.champion
    picks, samples = pick(candidate, champion), [one.sha256 for one in judging.test]
    answers = {samples[row]: int(candidate.order[row, 0]) for _, row in picks}
    drawing = Drawing(job.spec.run_id, judging.manifest, answers)
    (pictures,) = crew.each(draw, [drawing]) if picks else [{}]
    return show(picks, samples, candidate, champion, pictures)


if __name__ == "__main__":
    entry.main(run)
