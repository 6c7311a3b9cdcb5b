"""Reports: a configuration as one HTML file with charts, which opens without a network."""

from assay.reports.page import html

__all__ = ["html"]
