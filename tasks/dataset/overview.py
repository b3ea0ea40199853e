"""What a version of a data set holds, as values that JSON can carry. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from ray_jobs.contract.dataset import DatasetManifest, ImageState, ShardRef, Split
from tasks.dataset.entries import Entry
from tasks.dataset.versions import History


def brief(history: History, manifests: Sequence[DatasetManifest]) -> dict[str, Any]:
    """A data set in a line.

    `size_bytes` is that of the shards and tables of all its versions, each object once; the
    originals are shared with other data sets and are not in it.

    Args:
      history: of the data set.
      manifests: of all its versions.
    """
    (newest,) = (one for one in manifests if one.version == history.newest)
    return {
        "dataset": history.dataset,
        "version": history.newest,
        "versions": len(manifests),
        "images": newest.images.kept,
        "classes": len(newest.classes),
        "size_bytes": sum(_sizes(manifests).values()),
        "published": _published(history)[history.newest],
    }


def full(manifest: DatasetManifest, entries: Sequence[Entry], history: History) -> dict[str, Any]:
    """All that `sortline dataset show` tells of a version."""
    published = _published(history)
    return {
        "dataset": manifest.dataset,
        "version": manifest.version,
        "latest": history.newest,
        "published": published[manifest.version],
        "source": manifest.source.model_dump(mode="json"),
        "images": manifest.images.model_dump(mode="json"),
        "checks": manifest.checks,
        "classes": {name: _per_split(manifest, name) for name in manifest.classes},
        "shards": {split.value: _of_shards(manifest.shards[split]) for split in Split},
        "set_aside": reasons(entries),
        "conflicts": conflicts(entries),
        "near_duplicates": _groups_in_short(near_duplicates(entries)),
        "versions": [
            {"version": one.version, "published": published[one.version]}
            for one in history.versions
        ],
    }


def reasons(entries: Iterable[Entry]) -> dict[str, int]:
    """Files a reason for which they are quarantined, the most frequent first.

    What differs from file to file (a size, say) follows a colon and is left out.
    """
    quarantined = (one for one in entries if one.state is ImageState.QUARANTINED)
    counts = Counter((one.reason or "").partition(":")[0] for one in quarantined)
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def conflicts(entries: Iterable[Entry]) -> list[list[dict[str, str]]]:
    """The pictures that stand under several labels: path and label of each of their files."""
    found: defaultdict[str | None, list[dict[str, str]]] = defaultdict(list)
    for one in entries:
        if one.state is ImageState.CONFLICT:
            found[one.pixel_sha256].append({"path": one.path, "label": one.label})
    return sorted(found.values(), key=lambda files: files[0]["path"])


def near_duplicates(entries: Iterable[Entry]) -> list[list[Entry]]:
    """The kept pictures that share a split because they look alike, the largest group first."""
    found: defaultdict[str | None, list[Entry]] = defaultdict(list)
    for one in entries:
        if one.state is ImageState.KEPT:
            found[one.group].append(one)
    groups = [group for group in found.values() if len(group) > 1]
    return sorted(groups, key=lambda group: (-len(group), group[0].path))


def _groups_in_short(groups: Sequence[Sequence[Entry]]) -> dict[str, Any]:
    return {
        "groups": len(groups),
        "images": sum(len(group) for group in groups),
        "largest": [one.path for one in groups[0]] if groups else [],
    }


def _per_split(manifest: DatasetManifest, name: str) -> dict[str, int]:
    return {split.value: manifest.splits[split][name] for split in Split}


def _of_shards(refs: Sequence[ShardRef]) -> dict[str, int]:
    return {
        "count": len(refs),
        "size_bytes": sum(ref.size_bytes for ref in refs),
        "records": sum(ref.records for ref in refs),
        "stored": sum(ref.stored for ref in refs),
    }


def _sizes(manifests: Iterable[DatasetManifest]) -> dict[str, int]:
    """Key -> bytes of every object that these versions name."""
    sizes: dict[str, int] = {}
    for manifest in manifests:
        sizes[manifest.entries.key] = manifest.entries.size_bytes
        for refs in manifest.shards.values():
            sizes |= {ref.key: ref.size_bytes for ref in refs}
    return sizes


def _published(history: History) -> dict[str, str]:
    return {one.version: one.at.isoformat(timespec="seconds") for one in history.versions}
