"""Which version of the procedure a training follows: what is searched, compared and judged, and how."""

from __future__ import annotations

PROCEDURE_VERSION = 3
"""Raised by a change after which the same experiment on the same bars gives another document on purpose.

It stands in the canonical form of an experiment, where 1 is left out. A document of an earlier version loads and shows;
it cannot be verified any more, and its unfinished jobs cannot go on: train again.

1: the first release. 2: permuted bars on the grid of prices, with the market's drift and the same for every experiment;
the gates of alpha, of comparable bars and of the campaign. 3: measures whose values do not vary are unknown, sets
without a loss rank above every ratio, exposure counts the bars of the run, prices on a tick are the floats that files
hold.
"""
