"""The report of a run, or of several: one self-contained HTML page, from their files alone."""

from analysis.report.watch import watch
from analysis.report.write import write_comparison, write_report

__all__ = ["watch", "write_comparison", "write_report"]
