"""The report of a run: one self-contained HTML file, and its figures as PNG."""

from __future__ import annotations

from tasks.report.page import publish_report

__all__ = ["publish_report"]
