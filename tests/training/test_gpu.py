"""The same code path on GPUs: a smoke test, where there is one."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]

STEP = """
import tensorflow as tf
from ray_jobs.training.strategy import configure_devices, make_strategy

configure_devices(cpus=1)
gpus = tf.config.list_physical_devices("GPU")
strategy = make_strategy(use_gpu=True)
with strategy.scope():
    value = tf.Variable(1.0)
assert strategy.num_replicas_in_sync == 1, strategy
assert "GPU" in value.device, value.device
assert all(tf.config.experimental.get_memory_growth(gpu) for gpu in gpus)
"""


def test_a_worker_with_a_gpu_trains_on_it_and_takes_memory_as_it_needs_it():
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow sees no GPU on this machine")
    subprocess.run([sys.executable, "-c", STEP], check=True)
