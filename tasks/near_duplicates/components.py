"""The connected parts of a graph whose edges come a chunk at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Nodes = NDArray[np.int64]


class Parts:
    """Nodes numbered from 0, each alone until edges join them.

    Memory is linear in the nodes: edges wait until there are as many of them as nodes.
    """

    def __init__(self, nodes: int) -> None:
        self._smallest = np.arange(nodes)
        self._waiting: list[tuple[Nodes, Nodes]] = []
        self._edges = 0

    def join(self, first: Nodes, second: Nodes) -> None:
        """Connect nodes.

        Args:
          first: one end of each edge, int64 [edges].
          second: the other one.
        """
        self._waiting.append((first, second))
        self._edges += first.size
        if self._edges >= self._smallest.size:
            self._fold()

    def smallest(self) -> Nodes:
        """The smallest node of the part that each node is in: int64 [nodes]."""
        if self._waiting:
            self._fold()
        return self._smallest.copy()

    def _fold(self) -> None:
        first = np.concatenate([first for first, _ in self._waiting])
        second = np.concatenate([second for _, second in self._waiting])
        self._waiting, self._edges = [], 0
        _connect(self._smallest, first, second)


def _connect(smallest: Nodes, first: Nodes, second: Nodes) -> None:
    """Hook each part to the smallest one it touches until no edge leaves its part, in place."""
    while True:
        first, second = smallest[first], smallest[second]
        leaves = first != second
        if not leaves.any():
            return
        first, second = first[leaves], second[leaves]
        np.minimum.at(smallest, np.maximum(first, second), np.minimum(first, second))
        while not np.array_equal(shorter := smallest[smallest], smallest):
            smallest[:] = shorter
