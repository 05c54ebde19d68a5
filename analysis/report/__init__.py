"""The report of a run: one self-contained HTML page, from its files alone."""

from analysis.report.write import write_report

__all__ = ["write_report"]
