"""What the charts of a page show: typed here, and read by the scripts of the page as JSON."""

from analysis.report.charts.build import arm_numbers, charts_of
from analysis.report.charts.shown import Charts, PageData, as_json

__all__ = ["Charts", "PageData", "arm_numbers", "as_json", "charts_of"]
