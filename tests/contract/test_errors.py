import pickle

import pytest

from ray_jobs.contract.errors import (
    CapacityError,
    ClusterError,
    CredentialError,
    DataError,
    SortlineError,
    SpecError,
    from_wire,
)

TREE = [SortlineError, SpecError, DataError, CredentialError, ClusterError, CapacityError]


@pytest.mark.parametrize("kind", TREE)
def test_an_error_crosses_a_process_boundary(kind: type[SortlineError]):
    error = kind("fact", "expectation", "remedy")
    assert pickle.loads(pickle.dumps(error)).args == error.args
    told = from_wire(f"(pid=1) some log\n{error.to_wire()}\nmore log")
    assert (type(told), told and told.args) == (kind, error.args)


def test_exit_codes_tell_who_can_fix_it():
    assert [kind.exit_code for kind in TREE] == [1, 2, 2, 2, 3, 2]


def test_only_the_platforms_errors_are_retried():
    assert [kind for kind in TREE if kind.retryable] == [ClusterError]


def test_a_log_without_an_error_of_ours_gives_none():
    assert from_wire("Traceback ...\nsortline.error {cut off") is None
