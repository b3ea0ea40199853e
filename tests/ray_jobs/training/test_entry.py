"""The frame of the entry points, and what each of them does without."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ray_jobs import entry
from ray_jobs.contract.errors import CapacityError, ClusterError, DataError, from_wire


def raising(error: Exception):
    def run() -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("no images", "some", "Add some"), 2),
        (CapacityError("9 workers", "2", "Pass --workers 2"), 2),
        (ClusterError("no answer", "an answer", "Look"), 3),
    ],
)
def test_an_error_of_ours_is_the_last_line_and_its_exit_code(error, code, capsys):
    assert entry.exit_code_of(raising(error)) == code
    said = capsys.readouterr()
    assert from_wire(said.out) is not None
    assert from_wire(said.out).args == error.args
    assert type(from_wire(said.out)) is type(error)


def test_an_unforeseen_error_is_a_traceback_and_exit_code_1(capsys):
    assert entry.exit_code_of(raising(ZeroDivisionError("by nobody"))) == 1
    said = capsys.readouterr()
    assert "ZeroDivisionError: by nobody" in said.err
    assert from_wire(said.out + said.err) is None


def test_success_is_exit_code_0():
    assert entry.exit_code_of(lambda: None) == 0


def test_a_spec_that_is_no_s3_address_is_the_callers_mistake(capsys):
    with pytest.raises(SystemExit, match="2"):
        entry.main(lambda _: None, ["--spec", "/tmp/spec.json"])
    assert "'/tmp/spec.json' is no S3 address; expected s3://BUCKET/KEY" in capsys.readouterr().err


@pytest.mark.tf
@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("ray_jobs.train_job", ["tensorflow", "keras"]),
        ("ray_jobs.verify_job", ["ray"]),
        ("ray_jobs.evaluate_job", ["tensorflow", "keras"]),
        ("ray_jobs.export_job", ["ray"]),
        ("ray_jobs.predict", ["tensorflow", "keras", "ray"]),
        ("ray_jobs.preview", ["tensorflow", "keras", "ray"]),
    ],
)
def test_an_entry_point_imports_no_more_than_it_needs(module: str, absent: list[str]):
    code = f"import sys, {module}; print([m for m in {absent!r} if m in sys.modules])"
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip() == "[]"
