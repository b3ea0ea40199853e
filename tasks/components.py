"""The connected parts of a graph, folded from its edges a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Edges = tuple[NDArray[np.int64], NDArray[np.int64]]


def components(nodes: int, chunks: Iterable[Edges]) -> NDArray[np.int64]:
    """The smallest node that each node is connected with: int64 [nodes].

    Args:
      nodes: how many; they are numbered from 0.
      chunks: pairs of int64 [edges], the two ends of each edge. Held at once: about as many edges
        as there are nodes, and one chunk.
    """
    smallest = np.arange(nodes)
    for first, second in _gathered(chunks, nodes):
        _connect(smallest, first, second)
    return smallest


def _gathered(chunks: Iterable[Edges], enough: int) -> Iterable[Edges]:
    """The same edges in fewer chunks: a fold looks at every node."""
    held: list[Edges] = []
    count = 0
    for chunk in chunks:
        held.append(chunk)
        count += chunk[0].size
        if count >= enough:
            yield _joined(held)
            held, count = [], 0
    if held:
        yield _joined(held)


def _joined(held: list[Edges]) -> Edges:
    return np.concatenate([first for first, _ in held]), np.concatenate([last for _, last in held])


def _connect(
    smallest: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> None:
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
