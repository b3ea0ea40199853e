"""Time and memory of the demo, part by part: `make bench-demo [SOURCE=...]`.

The demo runs from a clean home, as a process of its own; meanwhile the proportional set size
(PSS: shared pages counted once) of every process of its stack is summed once a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from infra.local.environment import HOME_VARIABLE, base_environment
from tests.bench.record import keep

GIB = 2**30


def main() -> int:
    """Run the demo, print its parts, and append one line to the results."""
    source = os.environ.get("SOURCE", "sample:")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder) / "home"
        call = [str(Path(sys.executable).with_name("sortline")), "demo", "--json"]
        call += ["--home", str(home), "--source", source]
        started = time.monotonic()
        demo = subprocess.Popen(
            call, stdout=subprocess.PIPE, text=True, env=base_environment(os.environ)
        )
        peak = _peak_pss(demo, home)
        total = time.monotonic() - started
        if demo.returncode != 0:
            return demo.returncode
        assert demo.stdout is not None
        answer = json.loads(demo.stdout.read().splitlines()[-1])
    line = {
        "source": source,
        "total_s": round(total, 1),
        "parts_s": answer["seconds"],
        "test_accuracy": answer["retrain"]["test_accuracy"],
        "peak_pss_gib": round(peak / GIB, 2),
    }
    _show(line)
    keep("demo", line)
    return 0


def _peak_pss(demo: subprocess.Popen[str], home: Path) -> int:
    peak = 0
    while demo.poll() is None:
        peak = max(peak, sum(map(_pss, _processes(home))) + _pss(psutil.Process(demo.pid)))
        time.sleep(1)
    return peak


def _processes(home: Path) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(HOME_VARIABLE) == str(home):
                found.append(process)
    return found


def _pss(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.memory_full_info().pss
    return 0


def _show(line: dict[str, object]) -> None:
    parts = line["parts_s"]
    assert isinstance(parts, dict)
    for name, seconds in parts.items():
        print(f"{name:<10} {seconds:7.1f} s")
    print(f"{'total':<10} {line['total_s']:7.1f} s   (and taking the stack down)")
    print(f"test accuracy {line['test_accuracy']:.3f}   peak memory {line['peak_pss_gib']} GiB PSS")


if __name__ == "__main__":
    sys.exit(main())
