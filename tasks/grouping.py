"""Which contents must share a split. Pure.

What the ledger holds never moves. New contents that look alike form a group; one that looks like
something in the ledger joins that thing's group. A picture that looks like things in two splits
could only leak, so it is torn: set aside (ADR 0007).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ray_jobs.contract.dataset import Split
from tasks.alike import Alike, NearPairs, Place
from tasks.entries import Content
from tasks.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Member:
    """A content of the source, its class, and the split that the source asks for, if it does."""

    content: Content
    label: str
    pinned: Split | None = None

    @property
    def sha256(self) -> str:
        """Of the content's bytes."""
        return self.content.sha256


@dataclass(frozen=True)
class Group:
    """New contents that must share a split; `place` is where, if that is settled already."""

    members: tuple[Member, ...]
    place: Place | None = None

    @property
    def id(self) -> str:
        """The group in the ledger that it joins, or else the smallest sha256 in it."""
        joined = self.place and self.place.group
        return joined or self._first.sha256

    @property
    def label(self) -> str:
        """The class whose quota it fills: that of its smallest sha256."""
        return self._first.label

    @property
    def _first(self) -> Member:
        return min(self.members, key=lambda member: member.sha256)


@dataclass(frozen=True)
class Grouped:
    """The new contents: in groups, or torn (sha256 -> the splits of what they look like)."""

    groups: list[Group] = field(default_factory=list)
    torn: dict[str, tuple[Split, ...]] = field(default_factory=dict)


def group(members: Iterable[Member], ledger: Ledger, near: NearPairs) -> Grouped:
    """Group what is new to the ledger. The order of `members` plays no part.

    Args:
      members: the contents of a source, each once.
      ledger: every content ever placed under this name.
      near: finds the pairs that look alike.
    """
    looks = _looks(members, ledger)
    if not looks:
        return Grouped()
    nodes = list(looks.values())
    alike = Alike.among(list(looks), ledger, near)
    for node, found in enumerate(nodes):
        if pins := {Place(member.pinned) for member in found if member.pinned}:
            alike.placed[node] |= pins
    grouped = Grouped()
    for component in alike.components(range(len(nodes))):
        settled = alike.settle(component)
        for node, splits in settled.torn.items():
            grouped.torn.update({member.sha256: splits for member in nodes[node]})
        free = ((None, chain) for chain in alike.components(settled.free))
        for place, chain in [*settled.joined.items(), *free]:
            together = (member for node in chain for member in nodes[node])
            grouped.groups.append(Group(tuple(together), place))
    return grouped


def _looks(members: Iterable[Member], ledger: Ledger) -> dict[str, list[Member]]:
    """Perceptual hash -> the new members that have it; in the order of their smallest sha256."""
    looks: defaultdict[str, list[Member]] = defaultdict(list)
    for member in sorted(members, key=lambda member: member.sha256):
        if member.sha256 not in ledger.by_sha256:
            looks[member.content.phash].append(member)
    return looks
