"""Why a file is kept out, and what is noted of one that is kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rejection(StrEnum):
    """Why a file is kept out."""

    UNREADABLE = "cannot be opened"
    EMPTY = "has no bytes"
    NOT_AN_IMAGE = "is no image"
    NOT_RASTER = "is no raster image"
    TRUNCATED = "is cut off"
    UNDECODABLE = "is broken"
    TOO_LARGE = "is too large"
    PACKED = "is packed like a bomb"
    TOO_SMALL = "is too small"
    OTHER_KIND = "is no photo"
    LINK = "is a link"
    OUTSIDE = "points outside its source"
    MISSING = "is not there"
    LABEL_FILE = "has a malformed label"
    NO_LABEL = "has no label"
    TWO_LABELS = "has two labels"
    UNKNOWN_CLASS = "is of a class outside the rules"
    DROPPED = "is of a dropped class"

    @property
    def is_unreadable(self) -> bool:
        """Whether it counts against the share of bad files; the others are merely set aside."""
        return self in _UNREADABLE

    @property
    def is_of_the_bytes(self) -> bool:
        """Whether the same bytes are turned away again."""
        return self in _OF_THE_BYTES

    @property
    def code(self) -> str:
        """Its name in the table and the counts.

        >>> Rejection.NOT_AN_IMAGE.code
        'not-an-image'
        """
        return self.name.lower().replace("_", "-")


_UNREADABLE = {
    Rejection.UNREADABLE,
    Rejection.EMPTY,
    Rejection.NOT_AN_IMAGE,
    Rejection.NOT_RASTER,
    Rejection.TRUNCATED,
    Rejection.UNDECODABLE,
    Rejection.TOO_LARGE,
    Rejection.PACKED,
}
_OF_THE_BYTES = (_UNREADABLE | {Rejection.TOO_SMALL}) - {Rejection.UNREADABLE}


class Note(StrEnum):
    """What was put right in a photo that is kept."""

    WRONG_EXTENSION = "wrong-extension"
    ANIMATED = "animated"
    CMYK = "cmyk"
    PALETTE = "palette"
    SIXTEEN_BIT = "16-bit"
    ALPHA = "alpha"
    ROTATED = "rotated"
    NAME_NOT_UTF8 = "name-not-utf8"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that is kept out, and what exactly was seen."""

    reason: Rejection
    text: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.text}"

    @classmethod
    def parse(cls, told: str) -> Rejected:
        """The rejection that was told so.

        >>> Rejected.parse("is cut off: at byte 7").reason.name
        'TRUNCATED'
        """
        reason, _, text = told.partition(": ")
        return cls(Rejection(reason), text)
