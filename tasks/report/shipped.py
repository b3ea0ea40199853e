"""What is shipped of a model: its formats, and what was seen of each."""

from __future__ import annotations

from typing import NamedTuple

from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.export import ExportFormat, Parity, Verified
from tasks.report.view import counted


class FormatRow(NamedTuple):
    """One format; `reason` says why it is not published, the figures are texts."""

    name: str
    published: bool
    reason: str
    agreement: str
    difference: str
    size: str
    median: str
    p99: str


def format_rows(card: ModelCard) -> list[FormatRow]:
    """A row a format, also those that could not be made or were not run."""
    verified = {one.format: one for one in card.verification.formats}
    sizes = {one.format: one.size_bytes for one in card.exports.exports}
    made = [
        _row(card, verified[kind], size)
        if kind in verified
        else _missing(kind, "was not run", size)
        for kind, size in sizes.items()
    ]
    refused = card.exports.refused.items()
    return made + [_missing(kind, f"could not be made: {why}", None) for kind, why in refused]


def size_in_words(size_bytes: int) -> str:
    """A size to read.

    >>> [size_in_words(size) for size in (512, 20_480, 13_000_000)]
    ['512 B', '20.5 kB', '13.0 MB']
    """
    if size_bytes < 1000:
        return f"{size_bytes} B"
    return f"{size_bytes / 1e3:.1f} kB" if size_bytes < 1e6 else f"{size_bytes / 1e6:.1f} MB"


def _row(card: ModelCard, one: Verified, size_bytes: int) -> FormatRow:
    parity, latency = one.parity, one.latency
    bound = card.verification.difference_bound.get(one.format)
    at_most = "" if bound is None else f" (at most {bound:g})"
    return FormatRow(
        name=one.format.value,
        published=one.published,
        reason=one.reason or "",
        agreement=_agreement(parity) if parity else "-",
        difference=f"{parity.max_difference:.1e}{at_most}" if parity else "-",
        size=size_in_words(size_bytes),
        median=f"{latency.median_ms:.1f} ms" if latency else "-",
        p99=f"{latency.p99_ms:.1f} ms" if latency else "-",
    )


def _agreement(parity: Parity) -> str:
    compared = parity.images - parity.ties
    if parity.agreement is None:
        return f"none: {counted(parity.ties, 'tie', 'ties')}"
    ties = f", {counted(parity.ties, 'tie', 'ties')} left out" if parity.ties else ""
    return f"{parity.agreement:.4f} ({parity.same} of {compared}{ties})"


def _missing(kind: ExportFormat, reason: str, size_bytes: int | None) -> FormatRow:
    size = "-" if size_bytes is None else size_in_words(size_bytes)
    return FormatRow(kind.value, published=False, reason=reason, agreement="-", difference="-",
                     size=size, median="-", p99="-")  # fmt: skip
