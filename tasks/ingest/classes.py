"""Which classes of a source are large enough to learn from."""

from __future__ import annotations

from ray_jobs.contract.errors import DataError
from tasks.ingest.workbook import Workbook

MIN_GROUPS = 3  # one a split
MIN_CLASSES = 2
_SMALL = f"class has fewer than {MIN_GROUPS} different pictures"
_GROUPS = """
SELECT entry.label, count(DISTINCT iif(
    entry.state = 'kept', coalesce(ledger."group", look."group", look.chain), NULL
)) FROM entry
LEFT JOIN ledger ON ledger.sha256 = entry.sha256
LEFT JOIN look ON look.phash = entry.phash
WHERE entry.label <> '' GROUP BY entry.label ORDER BY entry.label
"""
_SET_ASIDE = """
UPDATE entry SET state = 'quarantined', reason = ? WHERE label = ? AND state = 'kept'
"""


def set_aside_small(book: Workbook, *, strict: bool) -> list[str]:
    """Quarantine the entries of small classes; the warnings, one a class.

    Args:
      book: entries after `dedupe`, so that what is kept is different, in groups.
      strict: refuse small classes instead.

    Raises:
      DataError: a class is small (if strict), or fewer than two classes are left.
    """
    counts: dict[str, int] = {label: count for label, count in book.all(_GROUPS)}
    small = [label for label, count in counts.items() if count < MIN_GROUPS]
    if small and strict:
        raise _too_small(small[0], counts[small[0]])
    if len(counts) - len(small) < MIN_CLASSES:
        raise _too_few([label for label in counts if label not in small], counts)
    book.update(_SET_ASIDE, ((_SMALL, label) for label in small))
    return [
        f"class '{label}' is set aside: {counts[label]} different pictures, fewer than {MIN_GROUPS}"
        for label in small
    ]


def _too_small(label: str, count: int) -> DataError:
    return DataError(
        f"class '{label}' has {count} different pictures",
        f"at least {MIN_GROUPS} of every class, one a split",
        "Add pictures of it, or ingest without --strict ('Refuse small classes') to set it aside",
    )


def _too_few(left: list[str], counts: dict[str, int]) -> DataError:
    found = ", ".join(f"{label} {count}" for label, count in counts.items())
    return DataError(
        f"{len(left)} class{'' if len(left) == 1 else 'es'} can be learnt "
        f"(different pictures a class: {found})"[:400],
        f"at least {MIN_CLASSES} classes of at least {MIN_GROUPS} different pictures",
        "Put the photos of each class in a sub-folder of its own, and add what is missing",
    )
