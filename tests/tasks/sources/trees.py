"""Trees for tests: one content, held by a folder, an archive, a bucket or a web server."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ray_jobs.contract.errors import DataError
from ray_jobs.storage import Listed, MissingObjectError
from tasks.sources.base import SourceImage
from tasks.sources.registry import open_source
from tests.tasks.clock import NOON

Files = Mapping[str, bytes]


def folder_of(root: Path, files: Files) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def zip_of(path: Path, files: Files) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tar_of(path: Path, files: Files, mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def files_below(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def huawei_of(files: Files, root: str = "garbage_classify/") -> dict[str, bytes]:
    """A tree of class folders as Huawei's format: the same photos, under the same names."""
    classes = sorted({name.partition("/")[0] for name in files})
    rules = {str(number): name for number, name in enumerate(classes)}
    made = {f"{root}garbage_classify_rule.json": json.dumps(rules, ensure_ascii=False).encode()}
    for number, (name, data) in enumerate(files.items(), start=1):
        stem = f"{root}train_data/img_{number}"
        label = classes.index(name.partition("/")[0])
        made[f"{stem}.jpg"] = data
        made[f"{stem}.txt"] = f"img_{number}.jpg, {label}".encode()
    return made


def images_of(uri: Path | str, format: str = "auto", **options) -> list[SourceImage]:
    return list(open_source(str(uri), format, **options).images())


def labels_of(uri: Path | str, format: str = "auto", **options) -> dict[str, str]:
    """Path -> class of what may be read, or the reason of what may not."""
    images = images_of(uri, format, **options)
    return {i.path: i.problem.reason.name if i.problem else i.label for i in images}


def contents_of(uri: Path | str, format: str = "auto", **options) -> set[tuple[str, str]]:
    """What an ingest would see: (sha256, class) of each photo."""
    images = images_of(uri, format, **options)
    assert not [image for image in images if image.problem]
    return {(hashlib.sha256(image.read()).hexdigest(), image.label) for image in images}


class InMemoryBucket:
    """A `tasks.sources.trees.bucket.Bucket` in a dictionary; breaks off where it is told to."""

    def __init__(self, name: str, objects: Mapping[str, bytes]) -> None:
        self.name = name
        self.objects = dict(objects)

    def uri(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def listed(self, prefix: str) -> Iterator[Listed]:
        for key in sorted(self.objects):
            if key.startswith(prefix) and not key.endswith("/"):
                yield self._listed(key)

    def look(self, key: str) -> Listed | None:
        return self._listed(key) if key in self.objects else None

    @contextmanager
    def opened(self, listed: Listed, start: int = 0) -> Iterator[Iterator[bytes]]:
        if self.look(listed.key) != listed:
            raise MissingObjectError(f"{self.uri(listed.key)} is gone", "an object", "Run again")
        data = self.objects[listed.key][start:]
        yield (data[at : at + 1000] for at in range(0, len(data), 1000))

    def _listed(self, key: str) -> Listed:
        data = self.objects[key]
        return Listed(key, len(data), hashlib.md5(data).hexdigest(), NOON)


def buckets_of(**buckets: Mapping[str, bytes]):
    """How an ingest opens the buckets of a test."""

    def opened(name: str) -> InMemoryBucket:
        if name not in buckets:
            raise DataError(f"no bucket {name}", "one of the test's", "Name it")
        return InMemoryBucket(name, buckets[name])

    return opened
