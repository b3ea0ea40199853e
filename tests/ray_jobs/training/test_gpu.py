"""The same code path on GPUs: a smoke test, where there is one."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]

STEP = """
import tensorflow as tf
from ray_jobs.training.strategy import configure_devices, make_strategy

configure_devices(cpus=1, use_gpu=True)
gpus = tf.config.list_physical_devices("GPU")
strategy = make_strategy(use_gpu=True)
with strategy.scope():
    value = tf.Variable(1.0)
assert strategy.num_replicas_in_sync == 1, strategy
assert "GPU" in value.device, value.device
assert all(tf.config.experimental.get_memory_growth(gpu) for gpu in gpus)
"""

STEP_WITHOUT = """
import tensorflow as tf
from ray_jobs.training.strategy import configure_devices, make_strategy

configure_devices(cpus=1, use_gpu=False)
strategy = make_strategy(use_gpu=False)
with strategy.scope():
    value = tf.Variable(1.0)
assert strategy.num_replicas_in_sync == 1, strategy
assert "CPU" in value.device, value.device
"""


def run_on_a_gpu_machine(code: str) -> None:
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow sees no GPU on this machine")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_worker_with_a_gpu_trains_on_it_and_takes_memory_as_it_needs_it():
    run_on_a_gpu_machine(STEP)


def test_a_worker_that_was_given_no_gpu_trains_on_the_cpu_of_a_node_that_has_some():
    run_on_a_gpu_machine(STEP_WITHOUT)
