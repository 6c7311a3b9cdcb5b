"""Rows as they were taken out of a table, before they are cleaned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import InputError
from assay.market import canonical_symbol
from assay.market.names import CONTRACT_WORDS, as_contract, kind_of
from assay.sources.bar_files.fields import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class TakenRows:
    """Stamps and numbers of the rows that were asked for, before they are cleaned."""

    columns: dict[str, int]
    ms: NDArray[np.int64]
    numbers: dict[str, NDArray[np.float64]]
    empty: int
    says: dict[str, str]
    read_as: str
    notes: tuple[str, ...]
    shown: tuple[dict[str, str], ...]

    @property
    def symbol(self) -> str | None:
        """The canonical symbol that the content says."""
        symbol = symbol_of(self.says["symbol"]) if "symbol" in self.says else None
        return as_contract(symbol) if symbol and self.is_contract else symbol

    @property
    def is_contract(self) -> bool:
        """Whether the content says that its symbol is that of a contract."""
        return plain(self.says.get("kind", "")) in CONTRACT_WORDS


def symbol_of(text: str) -> str | None:
    """Return the canonical symbol of a pair or a contract; None for another text."""
    try:
        symbol = canonical_symbol(text)
    except InputError:
        return None
    return symbol if "/" in symbol or kind_of("", symbol) != "spot" else None
