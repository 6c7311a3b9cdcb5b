"""Which procedure a training follows."""

PROCEDURE_VERSION = 1
"""Raised when the same experiment on the same bars gives other results on purpose: a new gate, another null.

A document of an earlier one loads and shows, and is not what its experiment gives today. The canonical form leaves the
first version out, so that its digests stay.
"""
