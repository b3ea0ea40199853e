"""What an archive's member may not be, told by its header alone. Nothing is ever unpacked by name.

Limits: a deflated stream unpacks to 1,032 times its size at most, a photo to a little more than
its own; a bitmap of one colour may reach the former, and is kept out.
"""

from __future__ import annotations

import re

from tasks.photos.rejection import Rejected, Rejection

MAX_RATIO = 250
_RATIO_FROM_BYTES = 2**20  # below it, a bomb does no harm
_DRIVE = re.compile(r"[A-Za-z]:")

LINK = Rejected(Rejection.LINK, "a link in an archive, which is not followed")


def outside(path: str) -> Rejected | None:
    """The rejection of a path that is absolute or climbs, or None.

    >>> [outside(path) is None for path in ("a/x..jpg", "a/../x.jpg", "/etc/x", "C:/x")]
    [True, False, False, False]
    """
    if path.startswith("/") or _DRIVE.match(path):
        return Rejected(Rejection.OUTSIDE, "an absolute path")
    if ".." in path.split("/"):
        return Rejected(Rejection.OUTSIDE, "a path with '..'")
    return None


def packed(size_bytes: int, packed_bytes: int) -> Rejected | None:
    """The rejection of a member that unpacks to far more than any photo does, or None."""
    if size_bytes < _RATIO_FROM_BYTES or size_bytes <= MAX_RATIO * packed_bytes:
        return None
    text = f"{packed_bytes:,} bytes unpack to {size_bytes:,}, over {MAX_RATIO} times as many"
    return Rejected(Rejection.PACKED, text)
