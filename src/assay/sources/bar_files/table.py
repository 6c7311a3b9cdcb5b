"""A table of any kind of file, before anything is known of its columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SAMPLE_ROWS = 200


@dataclass(frozen=True)
class Table:
    """Columns of a file that is open.

    Attributes
    ----------
    shape : str
        What it is, in words: ``CSV, header in line 2``.
    names : tuple of str or None
        Column names, "" for a column without one; None where the file has no header.
    sample : list of list
        The first rows of data, as texts or plain values.
    load : callable
        Returns the Arrow columns at some positions; called once.
    says : dict of str to str
        Exchange, symbol or timeframe, where the content says them outside its rows.
    dropped : list of int
        Positions among the rows of those that were left out while loading, since they are no rows of the table.
    delimiter : str
        Of a text; "" of others.
    """

    shape: str
    names: tuple[str, ...] | None
    sample: list[list[Any]]
    load: Callable[[Sequence[int]], list[Any]]
    says: dict[str, str] = field(default_factory=dict)
    dropped: list[int] = field(default_factory=list)
    delimiter: str = ""

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.names) if self.names is not None else max(map(len, self.sample), default=0)
