"""Whether an export answers as the trained model does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.export import ExportFormat, Parity

AGREEMENT_FLOOR = 0.995

# In float32 an export differs by the order of its sums alone: 3e-6 at most was seen. Float16 rounds
# a weight by up to 2**-11 of itself, and layer upon layer that adds up: 9e-3 was seen (Lite0 with
# ImageNet weights at 128 px and a head on its features; 300 photos of TrashNet). The largest of
# more images is larger; an operation that is done otherwise differs by tenths.
DIFFERENCE_BOUND: Mapping[ExportFormat, float] = {
    ExportFormat.SAVED_MODEL: 1e-4,
    ExportFormat.ONNX: 1e-4,
    ExportFormat.LITERT: 0.05,
}

_TIE = 1e-3


class Tally(NamedTuple):
    """What `Parity` counts, of the images so far."""

    images: int = 0
    same: int = 0
    ties: int = 0
    max_difference: float = 0.0

    def plus(self, trained: NDArray[np.float32], export: NDArray[np.float32]) -> Tally:
        """The same with one more batch.

        Args:
          trained: probabilities of the trained model, [N, classes].
          export: those of the export; what is no number differs by 1.
        """
        same = trained.argmax(axis=-1) == export.argmax(axis=-1)
        difference = np.nan_to_num(np.abs(trained - export), nan=1.0)
        return Tally(
            images=self.images + len(same),
            same=self.same + int(same.sum()),
            ties=self.ties + int((tied(trained) & ~same).sum()),
            max_difference=max(self.max_difference, float(difference.max())),
        )

    def parity(self) -> Parity:
        """The figures of all batches."""
        counted = self.images - self.ties
        return Parity(agreement=self.same / counted if counted else None, **self._asdict())


def tied(probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which rows have their two largest values within 1e-3; [N, classes] -> [N]."""
    ranked = np.sort(probabilities, axis=-1)
    return ranked[:, -1] - ranked[:, -2] <= _TIE


def shortfall(kind: ExportFormat, parity: Parity) -> str | None:
    """Why a format is not at parity, in words; None where it is."""
    counted, bound = parity.images - parity.ties, DIFFERENCE_BOUND[kind]
    reasons: list[str] = []
    if parity.agreement is None:
        reasons.append(
            f"the same answer as the trained model on 0 of {parity.images} images,"
            f" {parity.ties} of them ties"
        )
    elif parity.agreement < AGREEMENT_FLOOR:
        reasons.append(
            f"the same answer as the trained model on {parity.same} of {counted} images"
            f" ({parity.agreement:.3f}, at least {AGREEMENT_FLOOR} is asked)"
        )
    if parity.max_difference > bound:
        reasons.append(
            f"a probability differs by {parity.max_difference:.2g} (at most {bound:g} is allowed)"
        )
    return "; ".join(reasons) or None
