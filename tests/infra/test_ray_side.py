"""What a process of the Ray side tells reaches the caller as its own error."""

from pathlib import Path

import pytest

from infra.ray_side import ask
from ray_jobs.contract.errors import SortlineError, SpecError


def arguments(tmp_path: Path, manifest: str) -> list[str]:
    out = ["--folder", str(tmp_path), "--out", str(tmp_path / "batch.npy")]
    return ["--manifest", manifest, "--recipe", "b0_scratch", *out]


def test_an_error_that_it_tells_is_raised(tmp_path: Path):
    with pytest.raises(SpecError, match="'nonsense' is no S3 address"):
        ask("ray_jobs.preview", arguments(tmp_path, "nonsense"), log=tmp_path / "logs" / "a.log")
    assert "Traceback" in (tmp_path / "logs" / "a.log").read_text()


def test_of_any_other_failure_the_log_is_named(tmp_path: Path):
    with pytest.raises(SortlineError, match=r"preview ended with exit code 2 .*; .*a\.log"):
        ask("ray_jobs.preview", ["--nonsense"], log=tmp_path / "a.log")
    assert "are required" in (tmp_path / "a.log").read_text()


def test_what_ends_a_line_elsewhere_and_bytes_that_are_no_text_come_through(tmp_path: Path):
    (tmp_path / "teller.py").write_text(
        "import sys\n"
        r"sys.stderr.buffer.write(b'\xff')"
        "\n"
        'sys.stdout.buffer.write(\'{"name": "a\u2028b"}\\n\'.encode())\n'
    )
    env = {"PYTHONPATH": str(tmp_path)}
    assert ask("teller", [], log=tmp_path / "a.log", env=env) == {"name": "a\u2028b"}
