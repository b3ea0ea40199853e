"""The images that a report shows: what they are, and who said what of them."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ray_jobs.contract.evaluation import Answer, EvaluationResult, Exhibit, ExhibitKind
from tasks.report.view import counted

_RIGHT = {
    "candidate": "this version alone",
    "champion": "the champion alone",
    "neither": "neither",
}


class Shown(NamedTuple):
    """An image of a gallery; `picture` and `overlay` are data URIs, `right` says who is right."""

    label: str
    candidate: Answer
    champion: Answer | None
    right: str
    picture: str
    overlay: str


def gallery(
    exhibits: Sequence[Exhibit], pictures: Mapping[str, bytes], kind: ExhibitKind
) -> list[Shown]:
    """The images of one kind, in their order.

    Args:
      exhibits: of the evaluation.
      pictures: JPEGs by sha256.
      kind: which to show.
    """
    return [
        Shown(
            label=one.label,
            candidate=one.candidate,
            champion=one.champion,
            right=who_is_right(one),
            picture=_data_uri(pictures[one.picture.sha256]),
            overlay=_data_uri(pictures[one.overlay.sha256]),
        )
        for one in _of_kind(exhibits, kind)
    ]


def how_many(evaluation: EvaluationResult, kind: ExhibitKind) -> str:
    """How many images of a kind are shown, and of how many where that is more."""
    shown = len(_of_kind(evaluation.exhibits, kind))
    all_of_them = evaluation.exhibits_of.get(kind, shown)
    part = f"{shown} of " if all_of_them > shown else ""
    return part + counted(all_of_them, "image", "images")


def shown_of(evaluation: EvaluationResult) -> str:
    """Who is right on how many of the disagreements that are shown; empty where there are none."""
    right = Counter(map(who_is_right, _of_kind(evaluation.exhibits, ExhibitKind.DISAGREEMENT)))
    return ", ".join(f"{words} {right[who]}" for who, words in _RIGHT.items() if right[who])


def who_is_right(exhibit: Exhibit) -> str:
    """Whose answer is the label: `candidate`, `champion`, `both` or `neither`."""
    mine = exhibit.candidate.label == exhibit.label
    theirs = exhibit.champion is not None and exhibit.champion.label == exhibit.label
    if mine and theirs:
        return "both"
    if mine:
        return "candidate"
    return "champion" if theirs else "neither"


def _of_kind(exhibits: Sequence[Exhibit], kind: ExhibitKind) -> list[Exhibit]:
    return [one for one in exhibits if one.kind is kind]


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
