"""Which errors Airflow tries again."""

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction

from dags.shared import RETRY_POLICY
from ray_jobs.contract.errors import SortlineError
from tests.ray_jobs.contract.test_errors import TREE

pytestmark = pytest.mark.airflow


@pytest.mark.parametrize("kind", TREE)
def test_airflow_tries_again_what_the_tree_of_errors_says_can_be(kind: type[SortlineError]):
    decided = RETRY_POLICY.evaluate(kind("fact", "expectation", "remedy"), 1, 3)
    assert (decided.action is RetryAction.RETRY) == kind.retryable
