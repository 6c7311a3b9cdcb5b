"""Days of a market that somebody looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from assay.errors import InputError
from assay.service.markets import span_ms
from assay.studio.values import day

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@dataclass(frozen=True)
class Stretch:
    """Days of a market, the last one included; both as YYYY-MM-DD."""

    first: str
    last: str

    @classmethod
    def of(cls, row: Mapping[str, Any], first: str | None, last: str | None, days: int) -> Stretch:
        """Return what an address asks for; so many of the newest days where it asks for nothing.

        Parameters
        ----------
        row : mapping
            A market with bars, as `assay.service.markets.market_row` describes it.
        """
        last = last or day((datetime.fromisoformat(row["to"]) - timedelta(milliseconds=1)).isoformat())
        try:
            start = first or day((datetime.fromisoformat(last) - timedelta(days=days - 1)).isoformat())
        except ValueError:
            raise InputError("last", "must be a date such as 2024-01-31", last) from None
        return cls(first or max(start, day(row["from"])), last)

    @property
    def span(self) -> tuple[str, str]:
        """First moment and end, as the API takes them.

        Raises
        ------
        InputError
            When a day is none, or they are not in order.
        """
        try:
            after = datetime.fromisoformat(self.last).replace(tzinfo=UTC) + timedelta(days=1)
        except ValueError:
            raise InputError("to", "must be a date such as 2024-01-31", self.last) from None
        found = self.first, f"{after:%Y-%m-%d}"
        span_ms(*found)
        return found
