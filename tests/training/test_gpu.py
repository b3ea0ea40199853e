"""Two steps on a GPU, where there is one: the same code path as on CPUs, with NCCL."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.gpu

SMOKE = """
import keras, numpy as np, tensorflow as tf
from ray_jobs.contract.recipe import Optimizer
from ray_jobs.training.rates import make_optimizer
from ray_jobs.training.step import as_sums, make_train_step
from ray_jobs.training.strategy import configure_devices, make_strategy

configure_devices(cpus=1)
strategy = make_strategy(use_gpu=True)
with strategy.scope():
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    optimizer = make_optimizer(Optimizer(), [0.1] * 3)
    optimizer.build(net.trainable_variables)
step = make_train_step(strategy, net, optimizer, smoothing=0.0)
batch = tf.ones([8, 4]), tf.zeros([8], tf.int64), tf.ones([8])
first, second = (as_sums(step(batch)).loss for _ in range(2))
assert second < first, (first, second)
assert "GPU" in net.weights[0].value.device, net.weights[0].value.device
"""


def gpus() -> int:
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))


def test_a_step_runs_on_the_gpu_and_its_memory_grows():
    if not gpus():
        pytest.skip("TensorFlow sees no GPU here: needs one, and the extra `gpu`")
    cluster = {"cluster": {"worker": ["127.0.0.1:0"]}, "task": {"type": "worker", "index": 0}}
    env = {"TF_CONFIG": json.dumps(cluster)}
    subprocess.run([sys.executable, "-c", SMOKE], check=True, env=dict(os.environ) | env)
