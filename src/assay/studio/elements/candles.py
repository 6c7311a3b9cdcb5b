"""`Candles`: bars, trades, equity and drawdown in one chart, fetched by the browser from the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from nicegui import ui
from nicegui.events import GenericEventArguments

from assay.api.access import PAGES
from assay.studio.frame import is_dark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST_BARS = 400_000
"""More bars than this are made coarser: three years of 5m, nine months of 1m."""


class Candles(ui.element, component="candles.js"):
    """Bars of a market with what happened on them.

    Parameters
    ----------
    market : tuple of str
        Exchange, symbol and timeframe.
    span : (str, str), optional
        First and last moment; the whole market where not given.
    config_id : str, optional
        The configuration whose trades and equity are drawn.
    on_trade : callable, optional
        Called with the number of a trade whose mark was clicked.
    masks : bool
        Whether masked bars are marked, and the bar under the pointer is described.
    """

    def __init__(
        self,
        market: tuple[str, str, str],
        *,
        span: tuple[str | None, str | None] = (None, None),
        config_id: str | None = None,
        on_trade: Callable[[int], None] | None = None,
        masks: bool = False,
    ) -> None:
        super().__init__()
        exchange, symbol, timeframe = market
        self._market = market
        self._props["bars"] = self._address(span)
        self._props["masks"] = masks
        if config_id is not None:
            of = f"/api/training/configurations/{quote(config_id)}"
            self._props["trades"], self._props["equity"] = f"{of}/trades", f"{of}/equity"
        self._props["dark"] = is_dark(self.client.request)
        self._props["label"] = f"Candles of {symbol} {timeframe} on {exchange}"
        self._props["prefix"] = PAGES
        if on_trade is not None:
            self.on("trade", lambda event: on_trade(_number(event)))

    def look(self, trade: int) -> None:
        """Go to a trade."""
        self.run_method("look", trade)

    def fit(self) -> None:
        """Show the whole span."""
        self.run_method("fit")

    def show_marks(self, times_ms: Sequence[int]) -> None:
        """Mark some bars; marks of before are moved."""
        self.run_method("showMarks", list(times_ms))

    def show_span(self, start_ms: int, stop_ms: int) -> None:
        """Show the bars between two moments."""
        self.run_method("span", start_ms, stop_ms)

    def show_bars(self, span: tuple[str | None, str | None]) -> None:
        """Show other bars of the market, in the same chart."""
        self._props["bars"] = self._address(span)
        self.update()

    def show_signals(self, signals: Sequence[tuple[int, int, bool]]) -> None:
        """Mark signals: when the bar opens (ms), +1 or -1, whether a trade came of it; those of before are moved."""
        self.run_method("showSignals", [[at, side, int(filled)] for at, side, filled in signals])

    def _address(self, span: tuple[str | None, str | None]) -> str:
        exchange, symbol, timeframe = self._market
        query = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe, "max_points": MOST_BARS}
        query |= {name: at for name, at in zip(("from", "to"), span, strict=True) if at is not None}
        return f"/api/bars?{urlencode(query)}"


def _number(event: GenericEventArguments) -> int:
    given: Any = event.args
    return int(given)
