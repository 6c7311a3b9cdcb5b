"""Candles from exchanges, page by page, with what is missing told from what was not fetched.

The client is ccxt, which is imported when an exchange is opened.
"""

from assay.sources.exchanges.exchange import Exchange, open_exchange
from assay.sources.exchanges.pages import Fetched, Finding, Page
from assay.sources.exchanges.retry import RetryPolicy

__all__ = ["Exchange", "Fetched", "Finding", "Page", "RetryPolicy", "open_exchange"]
