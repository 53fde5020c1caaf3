"""A discovery as one page that a person looks at: a single HTML file that works from disk, without a network."""

from __future__ import annotations

from relscout.report.comparison import write_comparison
from relscout.report.page import write_report

__all__ = ["write_comparison", "write_report"]
