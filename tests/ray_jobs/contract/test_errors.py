import errno
import pickle
import re
from pathlib import Path

import pytest

from ray_jobs.contract import errors
from ray_jobs.contract.errors import (
    CapacityError,
    ClusterError,
    CredentialError,
    DataError,
    SortlineError,
    SpecError,
    disk_full,
    from_wire,
)

KIND = re.compile(r"^class (\w+Error)\(", re.MULTILINE)
TREE = [SortlineError, SpecError, DataError, CredentialError, ClusterError, CapacityError]


ROOT = Path(errors.__file__).parents[2]
THE_OPERATORS_OWN = "tasks/operators"


def test_every_kind_of_error_is_named_where_they_are_drawn():
    sources = [
        source
        for side in ("ray_jobs", "tasks", "infra", "dags")
        for source in (ROOT / side).rglob("*.py")
        if THE_OPERATORS_OWN not in source.as_posix()
    ]
    kinds = {kind for one in sources for kind in KIND.findall(one.read_text(encoding="utf-8"))}
    assert {"SpecError", "LostRaceError"} < kinds
    assert [kind for kind in sorted(kinds) if kind not in (errors.__doc__ or "")] == []


@pytest.mark.parametrize("kind", TREE)
def test_an_error_crosses_a_process_boundary(kind: type[SortlineError]):
    error = kind("fact", "expectation", "remedy")
    assert pickle.loads(pickle.dumps(error)).args == error.args
    told = from_wire(f"(pid=1) some log\n{error.to_wire()}\nmore log")
    assert (type(told), told and told.args) == (kind, error.args)


def test_a_leaf_that_the_other_side_does_not_know_travels_as_its_nearest_kind():
    class LostRaceError(ClusterError):
        """Known on one side only."""

    told = from_wire(LostRaceError("fact", "expectation", "remedy").to_wire())
    assert type(told) is ClusterError


def test_a_full_disk_is_the_platforms_and_another_fault_is_not():
    assert isinstance(disk_full(OSError(errno.ENOSPC, "full")), ClusterError)
    assert disk_full(OSError(errno.EACCES, "denied")) is None


def test_exit_codes_tell_who_can_fix_it():
    assert [kind.exit_code for kind in TREE] == [1, 2, 2, 2, 3, 2]


def test_only_the_platforms_errors_are_retried():
    assert [kind for kind in TREE if kind.retryable] == [ClusterError]


def test_a_log_without_an_error_of_ours_gives_none():
    assert from_wire("Traceback ...\nsortline.error {cut off") is None
