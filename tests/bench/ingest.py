"""How fast an ingest is, and what memory it takes: `make bench-ingest`.

On one object store (SeaweedFS, on loopback): the files of the source put raw by 16 boto3 threads,
then an ingest of the same files, the same again unchanged, and once more with 1% added. Then the
same, with the peak memory of a step, of 10,000 and of 100,000 small pictures.
`SORTLINE_TRASHNET` names real photos; without it, drawn pictures are measured.
`SMALL=10000,100000` are the numbers of small pictures; `SMALL=` leaves them out.

Predicted before the first measurement: a put costs the client 2.9 ms of a core, a look at a photo
1.6, a read from the folder and its part of a shard 0.4, so ingest at 0.65 of the raw speed on two
cores that the server takes its share of; an unchanged one 40 times faster; 1% costs a tenth.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import boto3
import botocore.session
import numpy as np
from botocore.config import Config
from PIL import Image, ImageOps

from ray_jobs.storage import connect
from tasks.ingest.steps import Asked
from tasks.sources.sample import SampleSource
from tests.bench.record import keep
from tests.seaweed import LocalStore, object_store

THREADS = 16

Steps = dict[str, dict[str, float]]


def main() -> int:
    """Measure, print, and append a line to the results."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, object_store() as store:
        folder = Path(name)
        line = _speed(store, _photos(folder / "photos"))
        sizes = filter(None, os.environ.get("SMALL", "10000,100000").split(","))
        line["small"] = [_small(store, folder, int(size)) for size in sizes]
    sys.stdout.write(json.dumps(line, indent=2) + "\n")
    keep("ingest", line)
    return 0


def one_step(step: str, url: str, credentials: str, bucket: str, source: str, *named: str) -> None:
    """One step of an ingest in this process: what it took, and the peak memory."""
    store = connect(bucket, endpoint=url, profile="admin", credentials=Path(credentials))
    dataset, ingest_id = named
    address = {"dataset": dataset, "ingest_id": ingest_id}
    steps: dict[str, Callable[[], object]] = {
        "inspect": lambda: steps.inspect_source(store, Asked(source), **address),
        "split": lambda: steps.assign_splits(store, **address),
        "shards": lambda: steps.write_shards(store, **address),
        "publish": lambda: steps.publish(store, **address),
    }
    seconds = round(_timed(steps[step]), 2)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_mib": peak_mib}) + "\n")


def _speed(store: LocalStore, source: Path) -> dict[str, object]:
    files = sorted(path for path in source.rglob("*") if path.suffix == ".jpg")
    raw = _timed(lambda: _put_raw(store, files))
    first, again = _ingest(store, source, "speed"), _ingest(store, source, "speed")
    for path in files[:: len(files) // max(1, len(files) // 100)]:
        _mirrored(path)
    more = _ingest(store, source, "speed")
    return {
        "files": len(files),
        "raw_files_per_s": round(len(files) / raw, 1),
        "ingest_files_per_s": round(len(files) / _total(first), 1),
        "ratio_to_raw": round(raw / _total(first), 2),
        **_compared(first, again, more),
    }


def _small(store: LocalStore, folder: Path, count: int) -> dict[str, object]:
    source = folder / f"small-{count}"
    _small_pictures(source, range(count))
    first, again = _ingest(store, source, source.name), _ingest(store, source, source.name)
    _small_pictures(source, range(count, count + count // 100))
    more = _ingest(store, source, source.name)
    peak_mib = max(step["peak_mib"] for run in (first, again, more) for step in run.values())
    return {"files": count, "peak_mib": peak_mib, **_compared(first, again, more)}


def _compared(first: Steps, again: Steps, more: Steps) -> dict[str, object]:
    return {
        "unchanged_times_faster": round(_total(first) / _total(again), 1),
        "one_percent_costs": round(_total(more) / _total(first), 3),
        "of_which_for_the_new": round((_total(more) - _total(again)) / _total(first), 3),
        "steps": {"first": first, "again": again, "one_percent_more": more},
    }


def _ingest(store: LocalStore, source: Path, dataset: str) -> Steps:
    """Each step in a process of its own, as Airflow runs it; its start is not counted."""
    call = [sys.executable, "-m", "tests.bench.ingest"]
    where = [store.url, str(store.credentials), store.bucket, str(source)]
    named = [dataset, str(time.time_ns())]
    measured: Steps = {}
    for step in ("inspect", "split", "shards", "publish"):
        done = subprocess.run(
            [*call, step, *where, *named], stdout=subprocess.PIPE, text=True, check=True
        )
        measured[step] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _total(measured: Steps) -> float:
    return sum(step["seconds"] for step in measured.values())


def _put_raw(store: LocalStore, files: list[Path]) -> None:
    client = _plain_client(store)

    def put(path: Path) -> None:
        key = f"scratch/{path.parent.name}/{path.name}"
        client.put_object(Bucket=store.bucket, Key=key, Body=path.read_bytes())

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(put, files))


def _plain_client(store: LocalStore) -> Any:
    """boto3 as it comes, but for a connection a thread."""
    session = botocore.session.Session(profile="admin")
    session.set_config_variable("credentials_file", str(store.credentials))
    made = cast("Any", boto3.Session(botocore_session=session, region_name="us-east-1"))
    config = Config(max_pool_connections=THREADS, s3={"addressing_style": "path"})
    return made.client("s3", endpoint_url=store.url, config=config)


def _photos(folder: Path) -> Path:
    """A copy of the real photos, or drawn ones, which the benchmark may change."""
    real = os.environ.get("SORTLINE_TRASHNET")
    if real:
        shutil.copytree(real, folder)
    else:
        for image in SampleSource(images_per_class=300).images():
            path = folder / image.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(image.read())
    return folder


def _mirrored(path: Path) -> None:
    """A new picture beside one, as large as that: its mirror image looks like another one."""
    with Image.open(path) as image:
        mirror = ImageOps.mirror(image.convert("RGB"))
    mirror.save(path.with_name(f"new-{path.name}"), quality=88)


def _small_pictures(folder: Path, numbers: range) -> None:
    rng = np.random.default_rng(numbers.start)
    for number in numbers:
        path = folder / f"class-{number % 6}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        blocks = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((48, 48)).save(path, quality=75)


def _timed(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


if __name__ == "__main__":
    if sys.argv[1:]:
        one_step(*sys.argv[1:])
    else:
        sys.exit(main())
