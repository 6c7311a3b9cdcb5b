"""Where the pages lie."""

from __future__ import annotations

from urllib.parse import urlencode

from assay.api.access import PAGES

OVERVIEW = "/"
DATA = "/data"
STRATEGIES = "/strategies"
TRAIN = "/train"
JOBS = "/jobs"
CONFIGURATIONS = "/configurations"
COMPARE = "/compare"

STATIC = f"{PAGES}/static"
"""Styles and scripts of our own; whoever is not signed in sees them too."""


def address(page: str, **query: object) -> str:
    """Return the address of a page as NiceGUI's links take it, below `PAGES`; what is None is left out."""
    given = {name: value for name, value in query.items() if value is not None}
    return page + (f"?{urlencode(given, doseq=True)}" if given else "")
