"""The formats of a source, by name; nothing heavy, since the form reads them."""

from __future__ import annotations

from tasks.sources.layouts.kinds import Layout

SAMPLE_FORMAT = "sample"
FORMATS = ("auto", *(layout.value for layout in Layout), SAMPLE_FORMAT)
