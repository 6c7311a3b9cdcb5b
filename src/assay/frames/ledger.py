"""Counting what scripts and notebooks try: in the user's ledger, or with a warning that it is not counted."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from assay.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable


class LedgerWarning(UserWarning):
    """A search could not be written into the ledger: what was tried is not counted."""


def in_ledger(record: Callable[[], object]) -> None:
    """Write into the ledger; without a database that is said, since a script may run where there is none."""
    try:
        record()
    except StoreError as error:
        warnings.warn(f"this search is not counted: {error}", LedgerWarning, stacklevel=4)
