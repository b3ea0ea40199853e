"""Where each object lies in the bucket. The only place that spells a key.

The split stands at the front of a shard's key, so that an identity's rights are plain prefixes:
training may read `shards/train/` and `shards/val/`, never `shards/test/` nor `raw/`.
"""

from __future__ import annotations


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


def champion(model: str) -> str:
    """The truth about a model's champion; moved by If-Match."""
    return f"models/{model}/champion.json"


def weights(sha256: str) -> str:
    """Backbone weights, content-addressed."""
    return f"weights/{sha256}.weights.h5"


def backbone(source: str) -> str:
    """Which object holds the converted weights of a published weights file."""
    return f"weights/{source}.json"


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
