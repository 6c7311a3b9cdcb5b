"""Which version of the procedure a training follows: what is searched, compared and judged, and how."""

from __future__ import annotations

PROCEDURE_VERSION = 1
"""Raised by a change after which the same experiment on the same bars gives another document on purpose.

It stands in the canonical form of an experiment, where 1 is left out. A document of an earlier version loads and shows;
it cannot be verified any more, and its unfinished jobs cannot go on: train again.
"""
