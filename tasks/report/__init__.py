"""The report of a run: one self-contained HTML file."""

from __future__ import annotations

from tasks.report.page import publish_report, render

__all__ = ["publish_report", "render"]
