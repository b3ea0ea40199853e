"""What can go wrong with a Ray job, and what Airflow is to do about it.

```
RayError
├── RayApiError               the dashboard answered what no request of ours should cause   fail
│   ├── RayUnreachableError   it does not answer, or answers that it cannot now             retry
│   └── RayRefusedError       the token is missing or wrong                                 fail
├── RayNameError              a job cannot carry this name                                  fail
├── RayJobFailedError         the job's own code failed                                     fail
├── RayJobTimedOutError       the job was stopped at its deadline                           fail
├── RayJobLostError           the cluster lost or stopped it, or never found it a place     retry
└── SupersededError           a newer try of the task has taken the job over                fail
```
"""

from __future__ import annotations


class RayError(Exception):
    """Base of the tree."""


class RayApiError(RayError):
    """The dashboard answered with something that no request of ours should cause."""


class RayUnreachableError(RayApiError):
    """The dashboard does not answer, or answers that it cannot: try again."""


class RayRefusedError(RayApiError):
    """The token is missing or wrong."""


class RayNameError(RayError):
    """A job cannot carry this name."""


class RayJobFailedError(RayError):
    """The job's own code failed; another try would fail the same way."""


class RayJobTimedOutError(RayError):
    """The job was stopped at its deadline."""


class RayJobLostError(RayError):
    """The cluster lost the job, stopped it, or could not start it: another try may succeed."""


class SupersededError(RayError):
    """A newer try of the same task has taken the job over."""
