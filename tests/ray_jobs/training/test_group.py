"""Steps and trainings of real groups of workers: one, two and three processes.

Each group runs once, and does all its tasks; the tests read what its workers answered.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.ray_jobs.training.group.processes import answers_of, logs_of_failed

pytestmark = [pytest.mark.tf, pytest.mark.timeout(1800)]

# The same numbers, summed up in another order: a few units of the last place of a float32 (6e-8)
# of sums over twelve images of 784 pixels.
OTHER_ORDER = 1e-5

ALIKE = ("step", "validation")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    (answers,) = answers_of(1, ALIKE, tmp_path_factory.mktemp("alone"))
    return answers


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    tasks = (
        *ALIKE,
        "step_in_parts",
        "wishes",
        "overflow",
        "optimizers",
        "batch_norm",
        "collectives",
        "training",
        "uneven_training",
        "broken_training",
        "warned_training",
    )
    return answers_of(2, tasks, tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def trio(tmp_path_factory):
    return answers_of(3, ALIKE, tmp_path_factory.mktemp("trio"))


@pytest.fixture(scope="module")
def two_phases(tmp_path_factory):
    (answers,) = answers_of(1, ["two_phases"], tmp_path_factory.mktemp("phases"))
    return answers["two_phases"]


def by_rank(group, task):
    return [answers[task] for answers in group]


@pytest.mark.parametrize("world", ["pair", "trio"])
def test_the_gradient_of_a_group_is_that_of_one_worker_on_the_whole_batch(world, alone, request):
    expected = alone["step"]["gradient"]
    assert np.abs(expected).max() > 100 * OTHER_ORDER
    for own in by_rank(request.getfixturevalue(world), "step"):
        np.testing.assert_allclose(own["gradient"], expected, atol=OTHER_ORDER)
        assert own["sums"] == pytest.approx(alone["step"]["sums"], rel=OTHER_ORDER)


@pytest.mark.parametrize("world", ["pair", "trio"])
def test_all_workers_have_the_same_weights_and_count_after_a_step(world, request):
    own = by_rank(request.getfixturevalue(world), "step")
    assert len({one["weights"] for one in own}) == 1
    assert {one["iterations"] for one in own} == {1}


def test_a_step_counts_the_images_of_all_workers_without_the_places_that_fill_up(pair, trio):
    assert {own["sums"][2] for own in by_rank(pair + trio, "step")} == {11}


def test_parts_one_after_the_other_are_as_the_batch_at_once(pair):
    for whole, parts in zip(by_rank(pair, "step"), by_rank(pair, "step_in_parts"), strict=True):
        np.testing.assert_allclose(parts["gradient"], whole["gradient"], atol=OTHER_ORDER)
        assert parts["sums"] == pytest.approx(whole["sums"], rel=OTHER_ORDER)
        assert parts["iterations"] == 1


@pytest.mark.parametrize("world", ["pair", "trio"])
def test_validation_is_the_same_however_many_share_it_out(world, alone, request):
    expected, own = alone["validation"], by_rank(request.getfixturevalue(world), "validation")
    assert 0 < expected["sums"][1] < 11
    for one in own:
        assert one["sums"][1:] == expected["sums"][1:]
        assert one["sums"][0] == pytest.approx(expected["sums"][0], rel=OTHER_ORDER)
    assert len({one["held"] for one in own}) > 1  # not evenly


@pytest.mark.parametrize("world", ["pair", "trio"])
def test_every_validation_image_is_asked_once_and_each_worker_has_all_answers(
    world, alone, request
):
    expected = alone["validation"]["rows"]
    assert len(expected) == 11
    for own in by_rank(request.getfixturevalue(world), "validation"):
        assert [label for label, _ in own["rows"]] == [label for label, _ in expected]
        np.testing.assert_allclose(
            [logits for _, logits in own["rows"]],
            [logits for _, logits in expected],
            atol=OTHER_ORDER,
        )


def test_the_wish_of_one_worker_is_known_to_all(pair):
    assert by_rank(pair, "wishes") == [[False, True]] * 2


def test_an_overflow_on_one_worker_is_known_to_all_and_nobody_waits(pair):
    assert by_rank(pair, "overflow") == [[True, False, False]] * 2


def test_a_training_that_breaks_on_one_worker_ends_on_all_and_that_one_names_its_images(pair):
    first, second = by_rank(pair, "broken_training")
    for own in (first, second):
        assert "step 1 of epoch 1" in own["error"]
        assert own["kept"] == 0
    assert first["kind"] == "ElsewhereError"
    assert "of worker 1" in first["error"]
    assert second["kind"] == "SpecError"
    assert "worker 1 had images" in second["error"]


def test_one_worker_that_gets_sigterm_has_all_keep_a_checkpoint_at_the_same_step(pair):
    first, second = by_rank(pair, "warned_training")
    assert second["wishes"] == [2]  # the one that got it
    assert first["wishes"] in ([2], [3])  # was told by then
    wished = sorted({*first["wishes"], *second["wishes"]})
    assert first["kept"] == second["kept"] == wished
    assert first["losses"] == second["losses"]
    assert len(first["losses"]) == 2  # and all went on to the end


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "radam"])
def test_every_optimizer_takes_the_same_steps_on_all_workers(name, pair):
    first, second = (own[name] for own in by_rank(pair, "optimizers"))
    assert first == second
    assert (first["finite"], first["moved"], first["iterations"]) == (True, True, 2)


def test_moving_statistics_are_made_the_mean_over_workers_by_their_parts_of_a_batch(pair):
    first, second = by_rank(pair, "batch_norm")
    assert not np.allclose(first["own"], second["own"], rtol=1e-3)
    assert first["shared"] == second["shared"]
    mean = np.average([first["own"], second["own"]], axis=0, weights=[3, 1])
    np.testing.assert_allclose(first["shared"], mean, rtol=OTHER_ORDER)


def test_in_a_training_of_uneven_parts_every_image_weighs_alike_in_the_statistics(pair):
    # Five images a step of the first worker, all of zeros, three of the second's, of 256: 96 in
    # the mean. In four steps all but a 16th of the way from 0 to there is done.
    assert by_rank(pair, "uneven_training") == [[pytest.approx(90)] * 3] * 2


def test_the_collectives_are_chosen_and_not_left_to_chance(pair):
    assert by_rank(pair, "collectives") == ["RING"] * 2


def test_a_step_of_a_training_takes_the_batch_of_the_recipe_and_no_other(pair):
    # Two epochs of three steps of eight images, four of each worker.
    for own in by_rank(pair, "training"):
        assert own["images"] == [8, 16, 24, 32, 40, 48]


def test_two_workers_see_each_their_own_half_of_the_images(pair):
    first, second = (set(own["samples"]) for own in by_rank(pair, "training"))
    assert (len(first), len(second), len(first | second)) == (12, 12, 24)


def test_after_every_epoch_all_workers_have_the_same_weights_and_statistics(pair):
    first, second = by_rank(pair, "training")
    assert len(set(first["weights"])) == 2
    assert first["weights"] == second["weights"]
    assert first["losses"] == second["losses"]


def test_where_one_worker_hangs_all_tell_where_they_are_before_the_first_of_them_ends(tmp_path):
    # Whoever ends takes the others with it: what a log holds was told by then.
    first, second = logs_of_failed(2, ["hanging_training"], tmp_path)
    for told in (first, second):
        assert "no progress for" in told
        assert "ray_jobs/training/loop.py" in told
    in_a_step, asleep = "as_answer(self._train_step(", "in hang_from_the_second_step"
    assert (in_a_step in first, asleep in first) == (True, False)
    assert (in_a_step in second, asleep in second) == (False, True)


@pytest.mark.parametrize("where", ["within the head", "after the head", "within the main phase"])
def test_a_training_of_two_phases_that_is_taken_up_again_comes_to_the_same(where, two_phases):
    assert len(two_phases["undisturbed"]) == 4
    np.testing.assert_allclose(two_phases[where], two_phases["undisturbed"], rtol=OTHER_ORDER)


def test_the_calibration_is_of_validation_and_of_the_weights_that_are_published(tmp_path_factory):
    (answers,) = answers_of(1, ["outcome"], tmp_path_factory.mktemp("outcome"))
    found = answers["outcome"]
    of_train, of_val = found["rebuilt"]["train"], found["rebuilt"]["val"]
    assert found["best"] < found["last"]
    assert (of_train["images"], of_val["images"]) == (24, 7)
    assert found["told"] == pytest.approx(of_val, rel=OTHER_ORDER)
