"""How fast an ingest is, and what memory it takes: `make bench-ingest`.

On one object store (SeaweedFS, on loopback): the files of the source put raw by 16 boto3 threads,
then an ingest of the same files, the same again unchanged, and once more with 1% added. Then the
peak memory of an ingest of 10,000 and of 100,000 small pictures, each in a process of its own.
`SORTLINE_TRASHNET` names real photos; without it, drawn pictures are measured.
`SMALL=10000,100000` are the sizes for memory; `SMALL=` leaves them out.

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

import numpy as np
from PIL import Image

from ray_jobs.storage import ObjectStore, connect
from tasks import ingest
from tasks.ingest import Asked
from tasks.sources.sample import SampleSource
from tests.bench.commit import commit
from tests.seaweed import LocalStore, object_store

THREADS = 16
RESULTS = Path("test-artefacts/bench-ingest.jsonl")


def main() -> int:
    """Measure, print, and append a line to the results."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, object_store() as store:
        folder = Path(name)
        line = {"commit": commit(), "cores": os.cpu_count()}
        line |= _speed(store, _photos(folder / "photos"))
        sizes = filter(None, os.environ.get("SMALL", "10000,100000").split(","))
        line["small"] = [_memory(store, folder, int(size)) for size in sizes]
    sys.stdout.write(json.dumps(line, indent=2) + "\n")
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as results:
        results.write(json.dumps(line) + "\n")
    return 0


def once(url: str, credentials: str, bucket: str, source: str, dataset: str) -> None:
    """One ingest in this process: what each step took, and the peak memory so far."""
    store = connect(bucket, endpoint=url, profile="admin", credentials=Path(credentials))
    address = {"dataset": dataset, "ingest_id": str(time.time_ns())}
    steps: dict[str, Callable[[], object]] = {
        "inspect": lambda: ingest.inspect_source(store, Asked(source), **address),
        "split": lambda: ingest.assign_splits(store, **address),
        "shards": lambda: ingest.write_shards(store, **address),
        "publish": lambda: ingest.publish(store, **address),
    }
    seconds, peaks = {}, {}
    for name, step in steps.items():
        seconds[name] = round(_timed(step), 2)
        peaks[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_mib": peaks}) + "\n")


def _speed(store: LocalStore, source: Path) -> dict[str, object]:
    files = sorted(path for path in source.rglob("*") if path.suffix == ".jpg")
    raw = _timed(lambda: _put_raw(store, files))
    first = _ingest(store, source, "speed")
    again = _ingest(store, source, "speed")
    extra = max(1, len(files) // 100)
    for path in files[:: len(files) // extra]:
        _brighter(path)
    more = _ingest(store, source, "speed")
    total = {"first": _total(first), "again": _total(again), "one_percent_more": _total(more)}
    return {
        "files": len(files),
        "raw_files_per_s": round(len(files) / raw, 1),
        "ingest_files_per_s": round(len(files) / total["first"], 1),
        "ratio_to_raw": round(raw / total["first"], 2),
        "unchanged_times_faster": round(total["first"] / total["again"], 1),
        "one_percent_costs": round(total["one_percent_more"] / total["first"], 3),
        "steps": {"first": first, "again": again, "one_percent_more": more},
    }


def _memory(store: LocalStore, folder: Path, count: int) -> dict[str, object]:
    source = folder / f"small-{count}"
    _small_pictures(source, count)
    return {"files": count, **_ingest(store, source, f"small-{count}")}


def _ingest(store: LocalStore, source: Path, dataset: str) -> dict[str, dict[str, float]]:
    call = [sys.executable, "-m", "tests.bench.ingest", store.url, str(store.credentials)]
    call += [store.bucket, str(source), dataset]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _total(measured: dict[str, dict[str, float]]) -> float:
    return sum(measured["seconds"].values())


def _put_raw(store: ObjectStore, files: list[Path]) -> None:
    def put(path: Path) -> None:
        key = f"scratch/{path.parent.name}/{path.name}"
        store._client.put_object(Bucket=store.bucket, Key=key, Body=path.read_bytes())

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(put, files))


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


def _brighter(path: Path) -> None:
    """A new picture beside one: the same but noise in a corner that makes it another."""
    with Image.open(path) as image:
        pixels = np.array(image.convert("RGB"))
    noise = np.random.default_rng(len(path.name)).integers(0, 256, pixels.shape)
    mixed = (pixels * 0.3 + noise * 0.7).astype(np.uint8)
    Image.fromarray(mixed).save(path.with_name(f"new-{path.name}"), quality=80)


def _small_pictures(folder: Path, count: int) -> None:
    rng = np.random.default_rng(count)
    for number in range(count):
        path = folder / f"class-{number % 6}" / f"{number:06d}.jpg"
        if number < 6:
            path.parent.mkdir(parents=True)
        blocks = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((48, 48)).save(path, quality=75)


def _timed(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


if __name__ == "__main__":
    if sys.argv[1:]:
        once(*sys.argv[1:])
    else:
        sys.exit(main())
