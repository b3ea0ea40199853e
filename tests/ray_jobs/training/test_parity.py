"""What is counted of two models' answers, and what that makes of an export."""

import numpy as np
import pytest

from ray_jobs.contract.export import ExportFormat, Parity
from ray_jobs.training.export.parity import DIFFERENCE_BOUND, Tally, shortfall, tied

SURE = [0.7, 0.2, 0.1]
OTHER = [0.2, 0.7, 0.1]
TIED = [0.4004, 0.3998, 0.1998]
TURNED = [0.3998, 0.4004, 0.1998]


def rows(*probabilities: list[float]) -> np.ndarray:
    return np.array(probabilities, np.float32)


def test_a_turned_tie_counts_neither_for_nor_against():
    tally = Tally().plus(rows(SURE, SURE, TIED), rows(SURE, OTHER, TURNED))
    assert (tally.images, tally.same, tally.ties) == (3, 1, 1)
    assert tally.parity().agreement == 1 / 2


def test_a_tie_that_is_answered_alike_counts_as_the_same():
    tally = Tally().plus(rows(TIED), rows(TIED))
    assert (tally.same, tally.ties) == (1, 0)


def test_batches_add_up_and_the_largest_difference_stays():
    tally = Tally().plus(rows(SURE), rows(OTHER)).plus(rows(SURE, SURE), rows(SURE, SURE))
    parity = tally.parity()
    assert (parity.images, parity.same, parity.agreement) == (3, 2, pytest.approx(2 / 3))
    assert parity.max_difference == pytest.approx(0.5)


def test_of_ties_alone_there_is_no_agreement():
    assert Tally().plus(rows(TIED), rows(TURNED)).parity().agreement is None


@pytest.mark.parametrize("kind", ExportFormat)
def test_no_image_is_no_evidence(kind: ExportFormat):
    assert shortfall(kind, Tally().parity()) == (
        "the same answer as the trained model on 0 of 0 images, 0 of them ties"
    )


def test_ties_that_are_all_turned_are_no_evidence():
    turned = Tally().plus(rows(*[TIED] * 100), rows(*[[0.38, 0.42, 0.2]] * 100)).parity()
    assert turned.max_difference < DIFFERENCE_BOUND[ExportFormat.LITERT]
    assert "on 0 of 100 images, 100 of them ties" in str(shortfall(ExportFormat.LITERT, turned))


def test_what_is_no_number_differs_by_one():
    assert Tally().plus(rows(SURE), rows([np.nan] * 3)).parity().max_difference == 1


def test_a_tie_is_within_a_thousandth():
    assert tied(rows([0.5004, 0.4996], [0.51, 0.49])).tolist() == [True, False]


def parity(*, same: int = 200, difference: float = 0.0) -> Parity:
    agreement = same / 200
    return Parity(images=201, same=same, ties=1, agreement=agreement, max_difference=difference)


def test_one_image_in_two_hundred_may_be_answered_otherwise():
    assert shortfall(ExportFormat.ONNX, parity(same=199)) is None


def test_a_second_one_may_not_and_the_reason_says_the_figures():
    reason = shortfall(ExportFormat.ONNX, parity(same=198))
    assert reason == (
        "the same answer as the trained model on 198 of 200 images (0.990, at least 0.995 is asked)"
    )


def test_float16_may_differ_by_more_than_float32():
    differs = parity(difference=1e-3)
    assert shortfall(ExportFormat.LITERT, differs) is None
    assert shortfall(ExportFormat.SAVED_MODEL, differs) == (
        "a probability differs by 0.001 (at most 0.0001 is allowed)"
    )


def test_both_reasons_are_told():
    assert "; a probability differs by 0.5" in str(
        shortfall(ExportFormat.LITERT, parity(same=100, difference=0.5))
    )
