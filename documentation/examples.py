"""Real examples of a strategy's trades: the clearest to look at, found by code, drawn at the prices of the engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import REASONS, Execution, Side, layout
from assay.engine.rules import passing
from assay.evaluation import backtest
from documentation.anatomy import Anatomy, anatomy_of, level
from documentation.candles import Box, Dot, Line, Mark, Note, Picture, Tag, price_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from assay.engine import Trades
    from assay.market import Bars
    from assay.strategies import Strategy

MIN_BARS, MAX_BARS = 72, 120
BEFORE, AFTER = 4, 7
MIN_HELD, MAX_HELD = 5, 45
MIN_WON_R = 0.7
"""Net of costs: where a target of two risks is mostly eaten by costs a picture of it would flatter."""
MAX_SIZE = 0.4  # a pattern that takes more of the height leaves no room to see anything else
WON = ("TAKE_PROFIT", "TRAILING_STOP")
SIZES = {True: (960.0, 540.0), False: (720.0, 400.0)}
EXITS = {
    "STOP_LOSS": "stopped out", "TAKE_PROFIT": "exit at the target", "TRAILING_STOP": "exit at the trailing stop",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Example:
    """One trade, with the parts of the pattern that it came from.

    Attributes
    ----------
    trail : tuple of float
        The stop of each bar from the entry bar to the exit bar.
    """

    strategy: Strategy
    bars: Bars
    trades: Trades
    i: int
    anatomy: Anatomy
    trail: tuple[float, ...]

    @property
    def signal(self) -> int:
        """The signal bar."""
        return int(self.trades.signal_bar[self.i])

    @property
    def entry(self) -> int:
        """The bar of the fill."""
        return int(self.trades.entry_bar[self.i])

    @property
    def exit(self) -> int:
        """The bar of the exit."""
        return int(self.trades.exit_bar[self.i])

    @property
    def reason(self) -> str:
        """Why the trade ended."""
        return REASONS[self.trades.reason[self.i]]

    @property
    def net_r(self) -> float:
        """Result in risks, costs paid."""
        return float(self.trades.r_multiple[self.i])

    @property
    def gross_r(self) -> float:
        """Result in risks before costs."""
        t = self.trades
        risk = abs(float(self.bars.close[self.signal]) - float(t.stop[self.i]))
        return float(t.exit_raw[self.i] - t.entry_raw[self.i]) / risk

    @property
    def window(self) -> tuple[int, int]:
        """First and last bar to show."""
        last = min(self.exit + AFTER, len(self.bars) - 1)
        return max(0, min(self.anatomy.first - BEFORE, last - MIN_BARS + 1)), last

    @property
    def clarity(self) -> float:
        """How much of the picture's height the trade and the pattern take: the geometric mean of the two shares."""
        first, last = self.window
        shown, t, i = slice(first, last + 1), self.trades, self.i
        best = float(np.nanmax([t.target[i], t.exit_raw[i], t.entry_raw[i]]))
        height = max(best, float(self.bars.high[shown].max())) - float(self.bars.low[shown].min())
        trade = best - float(t.stop[i])
        return float(np.sqrt(trade / height * min(self.anatomy.size / height, MAX_SIZE)))


def examples(strategy: Strategy, bars: Bars) -> Iterator[Example]:
    """Yield the long trades of the defaults that fit into a picture."""
    values = strategy.parameters.defaults
    trades = backtest(strategy, bars, values, execution=Execution(Side.LONG)).trades
    rows = strategy.all_setups(bars, values, "long")
    rows = rows.take(passing(strategy.rules, rows.features, values, len(rows)))
    preferred = dict(zip(*(found.tolist() for found in np.unique(rows.bar, return_index=True)), strict=True))
    anatomy = anatomy_of(strategy)
    for i in range(len(trades)):
        held = int(trades.bars_held[i])
        if trades.ambiguous[i] or not MIN_HELD <= held <= MAX_HELD:
            continue
        t = int(trades.signal_bar[i])
        row = preferred[t]
        found = Example(strategy, bars, trades, i, anatomy(bars, t, rows, row, values), ())
        first, last = found.window
        if last - first < MAX_BARS and not bars.absent[first : last + 1].any():
            yield replace(found, trail=stops(found, level(rows, row, "stop_unit")))


def stops(example: Example, unit: float) -> tuple[float, ...]:
    """Return the stop of every bar that the trade was held, the trail's included."""
    stop = float(example.trades.stop[example.i])
    bracket, values = example.strategy.bracket, example.strategy.parameters.defaults
    if (bracket.trail, bracket.trail_in) != ("distance", "unit"):
        return (stop,) * (example.exit - example.entry + 1)
    vector = bracket.vector(values)
    activation, distance = (vector[layout.EXITS.index(name)] * unit for name in ("trail_activation", "trail_distance"))
    start = float(example.bars.close[example.signal])
    bests = accumulate(example.bars.close[example.entry : example.exit].tolist(), max)
    moved = (best - distance if best - start >= activation else stop for best in bests)
    return tuple(accumulate(moved, max, initial=stop))  # a stop made at a close is in force from the next bar


def clearest(strategy: Strategy, markets: Iterable[Bars], *, won: bool) -> Example | None:
    """Return the trade that is seen best among those that earned, or among those that were stopped out."""

    def wanted(e: Example) -> bool:
        return e.reason in WON and e.net_r >= MIN_WON_R if won else e.reason == "STOP_LOSS"

    found = (e for bars in markets for e in examples(strategy, bars) if wanted(e))
    return max(found, key=lambda e: e.clarity, default=None)


def when(example: Example) -> str:
    """Say the market and the moment."""
    moment = np.datetime64(int(example.bars.time[example.signal]), "ms").item()
    market = example.bars.market
    return f"{market.exchange.capitalize()} {market.symbol} {market.timeframe}, {moment:%d %b %Y %H:%M} UTC"


def outcome(example: Example) -> str:
    """Say how it ended."""
    held = int(example.trades.bars_held[example.i])
    return (
        f"{EXITS.get(example.reason, example.reason)} after {held} bars: "
        f"{example.gross_r:+.2f} R, {example.net_r:+.2f} R after costs"
    )


def picture(example: Example, *, won: bool) -> Picture:
    """Return the pattern with its trade."""
    first, last = example.window
    width, height = SIZES[won]
    bars, i, trades = example.bars, example.i, example.trades
    entry, stop = float(trades.entry_raw[i]), float(trades.stop[i])
    target, left = float(trades.target[i]), float(trades.exit_raw[i])
    step = 10.0 ** np.floor(np.log10(entry) - 4)
    best = left if np.isnan(target) else target
    marks: list[Mark] = [
        Box(example.entry, example.exit, entry, max(best, entry), "reward"),
        Box(example.entry, example.exit, stop, entry, "risk"),
        *example.anatomy.marks,
        Line.level(example.entry, example.exit, entry, "entry"),
        Line(example.entry, example.trail, "stop"),
        Dot(example.entry, entry, "mark"),
        Dot(example.exit, left, "mark"),
        Note.of_bar(bars, example.signal, "signal", above=True, style="te"),
        Note(example.exit, left, f"exit, {example.gross_r:+.1f} R", above=left > entry, style="te"),
        Tag(entry, f"entry {price_text(entry, step)}", "te"),
        Tag(stop, f"stop {price_text(stop, step)}", "ts"),
    ]
    if not np.isnan(target):
        marks += [
            Line.level(example.entry, example.exit, target, "target"),
            Tag(target, f"target {price_text(target, step)}", "tt"),
        ]
    elif left != stop:
        marks.append(Tag(left, f"exit {price_text(left, step)}", "tt" if left > entry else "ts"))
    a = example.anatomy
    title = f"{example.strategy.name} on {when(example)}"
    return Picture(bars, first, last, title, tuple(marks), a.usual, a.loud, width, height)
