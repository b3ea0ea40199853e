"""What every tier shares."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# A shared machine pauses at will: how long an example takes says nothing.
settings.register_profile("sortline", deadline=None)
settings.load_profile("sortline")

# Tests of these skip with a reason where the thing is missing; where CI says that it is there, a
# skip would hide a broken set-up.
_REQUIRED_IN_CI = ("root", "Chromium")


@pytest.fixture(scope="session", autouse=True)
def _two_cpus(request: pytest.FixtureRequest) -> None:
    """Split the CPU in two before TensorFlow starts; later it refuses."""
    if not any(item.get_closest_marker("tf") for item in request.session.items):
        return
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, halves)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Turn a skip for want of what CI must have into a failure there."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if any(word in reason for word in _REQUIRED_IN_CI):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI: {reason}"
    return report
