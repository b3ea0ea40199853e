"""What looks alike, as a graph: new looks, and the places in the ledger that they look like."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ray_jobs.contract.dataset import Split


@dataclass(frozen=True, slots=True)
class Place:
    """A split, and the group in it; without one a group is named by its own members."""

    split: Split
    group: str | None = None


@dataclass
class Settled:
    """What became of the nodes of a component; each is in one of the three."""

    joined: defaultdict[Place, list[int]] = field(default_factory=lambda: defaultdict(list))
    torn: dict[int, tuple[Split, ...]] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Alike:
    """The graph. A node is the number of a look, a perceptual hash: equal ones go together.

    Only nodes that look like another one, or must go somewhere, are in it.

    Attributes:
      new: node -> the nodes that it looks like.
      placed: node -> where it must go: what it looks like in the ledger, or its pin.
    """

    new: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    placed: defaultdict[int, set[Place]] = field(default_factory=lambda: defaultdict(set))

    def link(self, one: int, other: int) -> None:
        """Two new looks are alike."""
        self.new[one].add(other)
        self.new[other].add(one)

    def components(self, nodes: Iterable[int] | None = None) -> Iterator[list[int]]:
        """The nodes that hang together among themselves; each list sorted, by its first node.

        Args:
          nodes: those that are looked at; None: all that are in the graph.
        """
        left = set(self.new.keys() | self.placed.keys() if nodes is None else nodes)
        for start in sorted(left):
            if start in left:
                left.remove(start)
                yield sorted(self._reach(start, left))

    def settle(self, component: Sequence[int]) -> Settled:
        """Where the nodes of a component go.

        With one split to go to, all go there. With several, each node goes to the split of what
        it looks like, the nearest to the ledger first; one between two splits is torn, and what
        hung to the rest by it alone is free. Nodes in two splits never look alike.

        Args:
          component: sorted; ties are broken by this order.
        """
        places = {place for node in component for place in self.placed.get(node, ())}
        if not places:
            return Settled(free=list(component))
        if len({place.split for place in places}) == 1:
            settled = Settled()
            settled.joined[_first(places)] += component
            return settled
        return self._settle_torn(component)

    def _reach(self, start: int, left: set[int]) -> list[int]:
        """The nodes of `left` that hang together with `start`; they are taken out of it."""
        found: list[int] = []
        edge = [start]
        while edge:
            found.append(edge.pop())
            reached = self.new.get(found[-1], set[int]()) & left
            left -= reached
            edge += reached
        return found

    def _settle_torn(self, component: Sequence[int]) -> Settled:
        settled, at = Settled(), dict[int, Place]()
        edge = [node for node in component if node in self.placed]
        seen = set(edge)
        while edge:
            for node in edge:
                near = {at[other] for other in self.new.get(node, ()) if other in at}
                places = near | self.placed.get(node, set[Place]())
                if len(splits := {place.split for place in places}) > 1:
                    settled.torn[node] = tuple(sorted(splits))
                else:
                    at[node] = _first(places)
                    settled.joined[at[node]].append(node)
            reached = {other for node in edge if node in at for other in self.new.get(node, ())}
            edge = sorted(reached - seen)
            seen |= reached
        settled.free = [node for node in component if node not in seen]
        return settled


def _first(places: Iterable[Place]) -> Place:
    """The place of the smallest group; one that is named beats one that is not."""
    return min(places, key=lambda place: (place.group is None, place.group or ""))
