"""Reports: a configuration as one HTML file with charts, which opens without a network."""

from assay.reports.backtest_page import backtest_html
from assay.reports.page import html

__all__ = ["backtest_html", "html"]
