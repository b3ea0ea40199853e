"""Where each object lies in the bucket. The only place that spells a key.

The split stands at the front of a shard's key, so that an identity's rights are plain prefixes:
training may read `shards/train/` and `shards/val/`, never `shards/test/` nor `raw/`. So does what
shows test images, or tells their labels: it lies below `judged/`, not with the rest of a run.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MANIFEST = re.compile(r"datasets/([^/]+)/([^/]+)/manifest\.json")
_IN_VERSION = re.compile(r"datasets/([^/]+)/([^/]+)/.+")
_REGISTERED = re.compile(r"models/([^/]+)/versions/([0-9]+)\.json")
_CHAMPION = re.compile(r"models/([^/]+)/champion\.json")
_IN_RUN = re.compile(r"runs/([^/]+)/.+")
_RAW = re.compile(r"raw/([0-9a-f]{64})")


class Version(NamedTuple):
    """One version of a data set."""

    dataset: str
    version: str


def raw_image(sha256: str) -> str:
    """Original bytes of one photo, once a content."""
    return f"raw/{sha256}"


def shard(split: str, sha256: str) -> str:
    """One TFRecord shard of a split."""
    return f"shards/{split}/{sha256}.tfrecord"


def ledger(dataset: str) -> str:
    """The append-only split ledger of a data set name; moved by If-Match."""
    return f"datasets/{dataset}/ledger.parquet"


def manifest(dataset: str, version: str) -> str:
    """The manifest of one version; its presence means complete."""
    return f"datasets/{dataset}/{version}/manifest.json"


def entries(dataset: str, version: str, sha256: str) -> str:
    """A row an image file of one version; the manifest names the one that counts.

    By content: two ingests may come to one version with its records in different shards.
    """
    return f"datasets/{dataset}/{version}/entries-{sha256[:12]}.parquet"


def latest(dataset: str) -> str:
    """Pointer to the newest version of a data set; moved by If-Match."""
    return f"datasets/{dataset}/latest.json"


def seen(dataset: str, source: str) -> str:
    """Prefix of what was seen of a source, so that it is not all read again; may be lost."""
    return f"seen/{dataset}/{source}/"


def staging(dataset: str, ingest_id: str, name: str) -> str:
    """What one ingest hands from task to task; gone once it is published."""
    return f"staging/{dataset}/{ingest_id}/{name}"


def run(run_id: str, name: str = "") -> str:
    """A document, or with no name the prefix, of one run."""
    return f"runs/{run_id}/{name}"


def judged(run_id: str, name: str = "") -> str:
    """A document, or with no name the prefix, of a run's judgement: training may not read it."""
    return f"judged/{run_id}/{name}"


def run_prefix() -> str:
    """Where all runs lie."""
    return "runs/"


def run_of(key: str) -> str | None:
    """The run that a key lies in; None where it lies in none.

    >>> run_of(run("ab12", "export/onnx/model.onnx"))
    'ab12'
    """
    found = _IN_RUN.fullmatch(key)
    return found and found[1]


def removal(run_id: str) -> str:
    """There once housekeeping has begun to remove the files of a run."""
    return run(run_id, "removed.json")


def steps(run_id: str) -> str:
    """A row a training step of one run, of all its attempts; grows while it trains."""
    return run(run_id, "steps.csv")


def events(run_id: str, attempt: int) -> str:
    """The TensorBoard event file of one attempt; TensorBoard reads them by name, in order."""
    return run(run_id, f"tensorboard/events.out.tfevents.{attempt:04}")


def champion(model: str) -> str:
    """The truth about a model's champion; moved by If-Match."""
    return f"models/{model}/champion.json"


def model_version(model: str, version: int) -> str:
    """Which run a version of a model is of."""
    return f"{model_versions(model)}{version}.json"


def model_prefix() -> str:
    """Where versions, champions and decisions of all models lie."""
    return "models/"


def model_versions(model: str) -> str:
    """Prefix of all versions of a model."""
    return f"models/{model}/versions/"


def registered_version(key: str) -> int | None:
    """The version that a key tells the run of; None where it is another key.

    >>> registered_version(model_version("waste", 12))
    12
    """
    found = _REGISTERED.fullmatch(key)
    return found and int(found[2])


def model_of(key: str) -> str | None:
    """The model that a version or a champion is of; None where it is another key.

    >>> model_of(champion("waste")), model_of(model_version("waste", 12))
    ('waste', 'waste')
    """
    found = _REGISTERED.fullmatch(key) or _CHAMPION.fullmatch(key)
    return found and found[1]


def decisions(model: str) -> str:
    """Prefix of a mark for each verdict on a model."""
    return f"models/{model}/decisions/"


def decisions_on(model: str, test_digest: str) -> str:
    """Prefix of those that rest on the same test images, each named by its run."""
    return f"{decisions(model)}{test_digest[:12]}/"


def weights(sha256: str) -> str:
    """Backbone weights, content-addressed."""
    return f"weights/{sha256}.weights.h5"


def backbone(source: str) -> str:
    """Which object holds the converted weights of a published weights file."""
    return f"weights/{source}.json"


def published_weights(name: str) -> str:
    """A file of ImageNet weights as its authors publish it."""
    return f"weights/published/{name}"


def export(run_id: str, kind: str, digest: str) -> str:
    """Prefix of one shipped format, named by what its files hold."""
    return run(run_id, f"export/{kind}/{digest[:12]}/")


def owner(submission_id: str) -> str:
    """Which task a Ray job belongs to; moved by If-Match, gone with the job."""
    return f"{owner_prefix()}{submission_id}.json"


def owner_prefix() -> str:
    """Where the owners of all Ray jobs lie."""
    return "owners/"


def owned_job(key: str) -> str:
    """The job that an owner's key is of.

    >>> owned_job(owner("sortline-ab12-train-1"))
    'sortline-ab12-train-1'
    """
    return key.removeprefix(owner_prefix()).removesuffix(".json")


def raw_prefix() -> str:
    """Where the originals of all data sets lie."""
    return "raw/"


def shard_prefix() -> str:
    """Where the shards of all data sets lie."""
    return "shards/"


def dataset_prefix() -> str:
    """Where manifests, entries, ledgers and pointers lie."""
    return "datasets/"


def seen_prefix() -> str:
    """Where what was seen of all sources lies."""
    return "seen/"


def staging_prefix() -> str:
    """Where every ingest that is under way hands on what it has."""
    return "staging/"


def collecting() -> str:
    """There while garbage is collected: an ingest does not begin then."""
    return f"{staging_prefix()}collecting"


def raw_sha256(key: str) -> str | None:
    """The content that an original's key is of; None where it is another key.

    >>> raw_sha256(raw_image("ab" * 32)) == "ab" * 32
    True
    """
    found = _RAW.fullmatch(key)
    return found and found[1]


def manifest_of(key: str) -> Version | None:
    """The version that a manifest's key is of; None where it is another key.

    >>> manifest_of(manifest("waste", "0123456789ab"))
    Version(dataset='waste', version='0123456789ab')
    """
    found = _MANIFEST.fullmatch(key)
    return found and Version(*found.groups())


def version_of(key: str) -> Version | None:
    """The version whose folder a key lies in; None where it lies in none.

    >>> version_of(entries("waste", "0123456789ab", "ab" * 32))
    Version(dataset='waste', version='0123456789ab')
    >>> version_of(ledger("waste"))
    """
    found = _IN_VERSION.fullmatch(key)
    return found and Version(*found.groups())
