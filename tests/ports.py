"""Ports for servers of tests that choose none themselves."""

from __future__ import annotations

import random

from infra.local.ports import is_free

# Above the stack's usual ones, below those that Linux hands out by itself: a client of anything
# could be given one of these just before its server listens.
_LOWEST, _HIGHEST = 24_000, 32_767


def free_ports(count: int, *, beside: int = 0) -> list[int]:
    """Free ports of loopback, no two alike, drawn anew by each call.

    Args:
      count: how many.
      beside: each comes with the one that lies so far above it.
    """
    candidates = range(_LOWEST - beside, _HIGHEST - beside)
    found: list[int] = []
    for port in random.SystemRandom().sample(candidates, len(candidates)):
        if is_free(port) and is_free(port + beside):
            found.append(port)
        if len(found) == count:
            break
    return found
