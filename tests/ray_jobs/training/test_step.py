"""One step, on two replicas: the same as one step on the whole batch."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.contract.errors import SpecError

pytestmark = pytest.mark.tf

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 4)).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1])
# The last two places only fill up: the second replica has two images, the first four.
WEIGHTS = np.array([1, 1, 1, 1, 1, 1, 0, 0], np.float32)
WHOLE = np.ones(8, np.float32)
BATCH = (X, LABELS, WHOLE, WEIGHTS)


def per_replica(strategy, *arrays):
    """Halves of each array, the first for the first replica."""
    import tensorflow as tf

    def halves(array):
        parts = np.split(array, strategy.num_replicas_in_sync)
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )

    return tuple(halves(array) for array in arrays)


def small_net(strategy, *, batch_norm: bool = False):
    import keras

    keras.utils.set_random_seed(1)
    with strategy.scope():
        layers = [keras.Input((4,)), keras.layers.Dense(3)]
        return keras.Sequential([*layers, *([keras.layers.BatchNormalization()] * batch_norm)])


def answered(strategy, batch, *, wish=0.0, net=None, smoothing=0.1, **rules):
    """What one SGD step answers, and the kernel before and after."""
    import keras
    import tensorflow as tf

    from ray_jobs.training.answer import as_answer
    from ray_jobs.training.checkpoint import values_of
    from ray_jobs.training.step import Rules, make_train_step

    net = net or small_net(strategy)
    before = values_of(net.weights)[0]
    with strategy.scope():
        optimizer = keras.optimizers.SGD(1.0)
        optimizer.build(net.trainable_variables)
    step = make_train_step(strategy, net, optimizer, Rules(smoothing=smoothing, **rules))
    answer = as_answer(step(per_replica(strategy, *batch), tf.constant(wish)))
    return answer, before, values_of(net.weights)[0]


def trained_by_sgd(strategy, net):
    """A step of plain SGD, whose answer can be read."""
    import keras

    from ray_jobs.training.answer import as_answer
    from ray_jobs.training.step import Rules, make_train_step

    with strategy.scope():
        optimizer = keras.optimizers.SGD(1.0)
        optimizer.build(net.trainable_variables)
    step = make_train_step(strategy, net, optimizer, Rules())
    return lambda batch, wish: as_answer(step(batch, wish))


def stepped(strategy, batch, **how):
    """The sums of one SGD step, and the kernel before and after."""
    answer, before, after = answered(strategy, batch, **how)
    assert answer.is_finite
    assert not answer.is_wanted
    return answer.sums, before, after


@pytest.fixture
def alone():
    import tensorflow as tf

    return tf.distribute.OneDeviceStrategy("CPU:0")


def test_two_replicas_take_the_step_of_one(two_replicas, alone):
    together, _, kernel = stepped(two_replicas, BATCH)
    single, _, expected = stepped(alone, BATCH)
    np.testing.assert_allclose(kernel, expected, atol=1e-6)
    assert together == pytest.approx(single, rel=1e-5)
    assert together.images == 6


def test_the_gradient_is_that_of_the_weighted_mean(alone):
    _, before, after = stepped(alone, BATCH, smoothing=0.0)
    logits = X @ before
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    error = (shares - np.eye(3)[LABELS]) * WEIGHTS[:, None]
    np.testing.assert_allclose(before - after, X.T @ error / 6, atol=1e-6)


def test_an_image_without_weight_teaches_nothing(two_replicas):
    other = X.copy()
    other[6:] = 100.0
    np.testing.assert_array_equal(
        stepped(two_replicas, BATCH)[2],
        stepped(two_replicas, (other, LABELS, WHOLE, WEIGHTS))[2],
    )


def test_a_mixed_step_is_one_on_mixed_images_and_targets(alone):
    shares = np.linspace(0.5, 1, 8, dtype=np.float32)
    batch = (X, LABELS, shares, WHOLE)
    sums, before, after = stepped(alone, batch, smoothing=0.0, mixup=True)
    own = shares[:, None]
    mixed = own * X + (1 - own) * X[::-1]
    targets = own * np.eye(3)[LABELS] + (1 - own) * np.eye(3)[LABELS[::-1]]
    logits = mixed @ before
    answers = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(before - after, mixed.T @ (answers - targets) / 8, atol=1e-6)
    hits = (logits.argmax(axis=1) == LABELS).sum()
    assert sums == pytest.approx((-(targets * np.log(answers)).sum(), hits, 8), rel=1e-5)


def test_two_replicas_mix_each_their_own_half(two_replicas, alone):
    shares = np.linspace(0.5, 1, 8, dtype=np.float32)
    # Of one half twice, a replica each, is as of one half once.
    halves = [np.concatenate([part[:4], part[:4]]) for part in (X, LABELS, shares, WHOLE)]
    together, _, kernel = stepped(two_replicas, halves, mixup=True)
    single, _, expected = stepped(alone, [part[:4] for part in halves], mixup=True)
    np.testing.assert_allclose(kernel, expected, atol=1e-6)
    assert together.loss == pytest.approx(2 * single.loss, rel=1e-5)


def test_images_may_come_as_bytes(alone):
    numbers = np.arange(32, dtype=np.uint8).reshape(8, 4)
    as_floats = stepped(alone, (numbers.astype(np.float32), LABELS, WHOLE, WEIGHTS))
    as_bytes = stepped(alone, (numbers, LABELS, WHOLE, WEIGHTS))
    assert as_bytes[0] == as_floats[0]
    np.testing.assert_array_equal(as_bytes[2], as_floats[2])


def test_the_norm_that_is_clipped_is_that_of_the_summed_gradient(two_replicas, alone):
    _, before, free = stepped(alone, BATCH)
    _, _, clipped = stepped(two_replicas, BATCH, clipnorm=0.01)
    # The bias has a gradient too: the kernel's own norm stays below the bound.
    moved, whole = before - clipped, before - free
    ratio = moved / whole
    np.testing.assert_allclose(ratio, ratio.flat[0], rtol=1e-3)
    assert np.linalg.norm(moved) < 0.01 < np.linalg.norm(whole)


@pytest.mark.parametrize("accumulate", [2, 3, 100])
def test_parts_one_after_the_other_are_as_the_batch_at_once(accumulate, two_replicas, alone):
    for strategy in (two_replicas, alone):
        sums, _, kernel = stepped(strategy, BATCH, accumulate=accumulate)
        whole, _, expected = stepped(strategy, BATCH)
        np.testing.assert_allclose(kernel, expected, atol=1e-6)
        assert sums == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(("row", "replica"), [(2, 0), (5, 1)])
def test_an_overflow_on_one_replica_is_known_to_both_by_its_name(two_replicas, row, replica):
    broken = X.copy()
    broken[row] = np.inf
    answer, *_ = answered(two_replicas, (broken, LABELS, WHOLE, WEIGHTS))
    assert not answer.is_finite
    assert answer.broken == (replica,)


def test_a_worker_names_its_images_only_where_its_own_part_is_not_finite(two_replicas):
    from ray_jobs.training.failures import ElsewhereError
    from ray_jobs.training.finite import Place, check_step

    broken = X.copy()
    broken[5] = np.inf
    answer, *_ = answered(two_replicas, (broken, LABELS, WHOLE, WEIGHTS))
    told = r"^the loss is nan, at step 7 of epoch 2; worker 1 had images feedfacefeed; expected fin"
    with pytest.raises(SpecError, match=told):
        check_step(answer, Place(2, 7, rank=1), ["feedface" * 8])
    with pytest.raises(ElsewhereError, match=r"^the loss is nan, .* of epoch 2, of worker 1; exp"):
        check_step(answer, Place(2, 7, rank=0), ["cafebabe" * 8])


def test_a_step_is_taken_at_the_rate_that_is_told(alone):
    answer, *_ = answered(alone, BATCH)
    assert answer.rate == 1.0


def test_a_gradient_that_is_not_finite_is_known_though_the_loss_is(two_replicas):
    import keras
    import tensorflow as tf

    from ray_jobs.training.finite import Place, check_step

    @tf.custom_gradient
    def overflows(x):
        return tf.identity(x), lambda upstream: upstream * np.inf

    with two_replicas.scope():
        layers = [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Lambda(overflows)]
        net = keras.Sequential(layers)
    answer, *_ = answered(two_replicas, BATCH, net=net)
    assert np.isfinite(answer.sums.loss)
    assert not answer.is_finite
    assert answer.broken == (0, 1)
    with pytest.raises(
        SpecError, match=r"a gradient is not finite, the loss is \d.*, at step 1 of"
    ):
        check_step(answer, Place(1, 1, rank=0), [])


def test_a_validation_that_is_not_finite_ends_the_training_with_its_step_and_images(two_replicas):
    from ray_jobs.training.answer import as_judgement
    from ray_jobs.training.failures import ElsewhereError
    from ray_jobs.training.finite import Place, check_step
    from ray_jobs.training.step import make_evaluation_step

    step = make_evaluation_step(two_replicas, small_net(two_replicas), smoothing=0.0)
    whole = as_judgement(step(per_replica(two_replicas, X, LABELS, WEIGHTS)))
    check_step(whole, Place(5, 3, rank=1, is_validation=True), [])
    broken = X.copy()
    broken[5] = np.inf
    answer = as_judgement(step(per_replica(two_replicas, broken, LABELS, WEIGHTS)))
    told = r"^the loss is nan, at step 3 of the validation after epoch 5; worker 1 had images feedf"
    with pytest.raises(SpecError, match=told):
        check_step(answer, Place(5, 3, rank=1, is_validation=True), ["feedface" * 8])
    with pytest.raises(ElsewhereError, match=r"of the validation after epoch 5, of worker 1; exp"):
        check_step(answer, Place(5, 3, rank=0, is_validation=True), ["cafebabe" * 8])


def test_the_wish_of_one_is_known_to_all(two_replicas):
    import tensorflow as tf

    wishes = two_replicas.experimental_distribute_values_from_function(
        lambda context: tf.constant(float(context.replica_id_in_sync_group))
    )
    net = small_net(two_replicas)
    step = trained_by_sgd(two_replicas, net)
    assert step(per_replica(two_replicas, *BATCH), wishes).is_wanted


def test_evaluation_sums_are_exact_and_leave_filling_places_out(two_replicas):
    from ray_jobs.training.answer import as_sums
    from ray_jobs.training.checkpoint import values_of
    from ray_jobs.training.step import make_evaluation_step

    net = small_net(two_replicas)
    kernel, bias = values_of(net.weights)
    step = make_evaluation_step(two_replicas, net, smoothing=0.0)
    sums = as_sums(step(per_replica(two_replicas, X, LABELS, WEIGHTS)))
    logits = (X @ kernel + bias)[:6]
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(6), LABELS[:6]]
    hits = (logits.argmax(axis=1) == LABELS[:6]).sum()
    assert sums == pytest.approx((losses.sum(), hits, 6), rel=1e-5)


def test_moving_statistics_become_the_mean_over_replicas(two_replicas):
    import keras
    import tensorflow as tf

    from ray_jobs.training.step import Rules, make_averaging, make_train_step

    net = small_net(two_replicas, batch_norm=True)
    with two_replicas.scope():
        optimizer = keras.optimizers.SGD(0.0)
        optimizer.build(net.trainable_variables)
    step = make_train_step(two_replicas, net, optimizer, Rules())
    step(per_replica(two_replicas, *BATCH), tf.constant(0.0))
    moving = net.layers[-1].moving_mean.value
    own = [part.numpy() for part in two_replicas.experimental_local_results(moving)]
    assert not np.allclose(*own)
    make_averaging(two_replicas, net, part=0.5)()
    for part in two_replicas.experimental_local_results(moving):
        np.testing.assert_allclose(part.numpy(), np.mean(own, axis=0), rtol=1e-6)


def test_smoothing_spreads_a_share_over_all_classes():
    import tensorflow as tf

    from ray_jobs.training.step import cross_entropy

    # With logits (0, 0), each class costs ln 2, however the target is spread.
    first = tf.constant([[1.0, 0.0]])
    loss = cross_entropy(first, tf.constant([[0.0, 0.0]]), 0.2)
    np.testing.assert_allclose(loss, [np.log(2)], rtol=1e-6)
    # With (ln 3, 0): 0.9 * ln(4/3) + 0.1 * ln 4.
    loss = cross_entropy(first, tf.constant([[np.log(3), 0.0]], tf.float32), 0.2)
    np.testing.assert_allclose(loss, [0.9 * np.log(4 / 3) + 0.1 * np.log(4)], rtol=1e-6)
