"""How often each row appears in a balanced epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jobs.training.data.balance import appearances

LABELS = st.lists(st.integers(0, 12), max_size=200).map(lambda found: np.array(found, np.int64))
KEYS = st.integers(0, 2**63 - 1)


@given(labels=LABELS, key=KEYS)
def test_an_epoch_keeps_its_length_and_gives_each_class_the_same_part(labels, key):
    often = appearances(labels, key)
    assert (often.dtype, often.shape, often.sum()) == (np.int64, labels.shape, len(labels))
    quotas = [often[labels == label].sum() for label in np.unique(labels)]
    assert not quotas or max(quotas) - min(quotas) <= 1


@given(labels=LABELS, key=KEYS)
def test_rows_of_a_class_appear_equally_often(labels, key):
    often = appearances(labels, key)
    for label in np.unique(labels):
        assert np.ptp(often[labels == label]) <= 1


def test_the_rows_of_a_rare_class_appear_several_times_and_of_a_common_one_not_all():
    often = appearances(np.array([0, 1, 0, 0, 2, 0, 0, 1, 0]), 5)
    assert often[4] == 3
    assert sorted(often[[1, 7]]) == [1, 2]
    assert sorted(often[[0, 2, 3, 5, 6, 8]]) == [0, 0, 0, 1, 1, 1]


def test_classes_that_are_balanced_show_every_row_once():
    assert appearances(np.array([4, 0, 0, 4, 2, 2]), 1).tolist() == [1] * 6


def test_a_key_gives_the_same_rows_on_every_machine():
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2])
    assert appearances(labels, 7).tolist() == [1, 1, 0, 0, 1, 0, 2, 1, 3]


def test_over_epochs_chance_favours_neither_a_class_nor_a_row():
    # Eight places for three classes: two get 3 and one gets 2, so 8/3 each in the long run.
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 2])
    mean = np.mean([appearances(labels, key) for key in range(4000)], axis=0)
    # Five standard errors of what takes one of two neighbouring values: 5 * 0.5 / 4000 ** 0.5.
    assert mean[:5] == pytest.approx([8 / 15] * 5, abs=0.04)
    assert mean[5:7] == pytest.approx([8 / 6] * 2, abs=0.04)
    assert mean[7] == pytest.approx(8 / 3, abs=0.04)
