"""vectorbt and backtesting.py on the same orders: cost per backtest, agreement, and the reason for each difference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Combinations, Signals
from assay.strategies.liquidity_sweep import LiquiditySweep
from benchmarks import grid as ours
from benchmarks import peer_backtesting, peer_cases, peer_measures, peer_vectorbt
from benchmarks.clock import timed
from benchmarks.plan import Agreement, Plan, own, plan
from benchmarks.report import Row, Section, Table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.market import Bars
    from benchmarks.grid import Grid

INSTALL = 'pip install -e ".[bench]"'
SEED = 1
CHUNK = 24
CELLS = 100 * 26_000
"""Bars times columns at most: each of a peer's dozen arrays has so many numbers."""

NOTES = (
    (
        "Same market, same signals, stop and target as prices fixed at the signal's close, all equity in every "
        "trade. Signals come from our setups; the peers' share of that, their input arrays and their compilation "
        "are not timed."
    ),
    "Their ratio is to our whole grid in one sweep, setups included: the way each tool is used at its best.",
    "vectorbt has no time stop of its own: without the callback its positions run on, which costs it nothing.",
    (
        "vectorbt fills at most one order per bar and column. An order that stands on the signal's bar, at the "
        "price of the next open, lets it test the entry bar for stops, but a signal on an exit bar is lost: with "
        "a cooldown of one bar in ours, every trade of every combination is equal."
    ),
    (
        "backtesting.py closes a timed-out position at the next open, one bar later, and knows no slippage at the"
        " exit (its spread is paid at the entry only): without either, every trade is equal. It refuses an order "
        "whose target lies inside the spread from the last close."
    ),
    (
        "Peers keep orders, positions and equity per bar and let any rule be written; the sweep keeps eleven sums"
        " per combination and replays what is asked for. vectorbt's Sharpe is of bar returns, ours of daily ones."
    ),
    "On bars that cannot be traded (an exchange's halt) we neither fill nor leave; peers know no such bars.",
)


@dataclass(frozen=True)
class Effort:
    """How much of the peers' time is spent."""

    combinations: int = 240
    batches: tuple[int, ...] = (8, 24, 96)
    slow_combinations: int = 24
    repeats: int = 3

    def on(self, bars: int) -> Effort:
        """As much for many bars as for 90 days, in time and in the memory of a peer's columns."""
        batches = tuple(n for n in self.batches if n * bars <= CELLS) or self.batches[:1]
        slow = max(2, min(self.slow_combinations, self.slow_combinations * 25_920 // bars))
        return Effort(self.combinations * batches[-1] // self.batches[-1], batches, slow, self.repeats)


QUICK = Effort(combinations=6, batches=(6,), slow_combinations=2, repeats=1)


def installed() -> tuple[list[str], list[str]]:
    """(peers that are there, packages that are missing)."""
    wanted = {"vectorbt": peer_vectorbt.PACKAGES, "backtesting.py": peer_backtesting.PACKAGES}
    missing = {peer: [p for p in packages if find_spec(p) is None] for peer, packages in wanted.items()}
    return [p for p, m in missing.items() if not m], [package for m in missing.values() for package in m]


def _versions(peers: Sequence[str]) -> str:
    names = {"vectorbt": ("vectorbt", "vectorbt-rust"), "backtesting.py": ("backtesting",)}
    return ", ".join(f"{name} {version(name)}" for peer in peers for name in names[peer])


def sample(bars: Bars, grid: Grid, count: int) -> list[Plan]:
    """Orders of combinations drawn from the grid, long side."""
    strategy = LiquiditySweep()
    combinations = Combinations(grid)
    span = ours.whole_span(strategy, bars, grid)
    count = min(count, len(combinations))
    chosen = np.random.default_rng(SEED).choice(len(combinations), count, replace=False)
    plans = []
    for position in chosen.tolist():
        values = combinations.at(position)
        shape = tuple(values[n] for n in strategy.shape_names)
        setups = bars.derived(("bench", shape), partial(strategy.all_setups, bars, values, "long"))
        rows = Signals.select(bars, setups, strategy.rules, strategy.bracket, values, span).rows
        signal, first = np.unique(rows.bar, return_index=True)
        exits = (values["atr_multiplier_sl"], values["risk_reward_ratio"], values["max_holding_periods"])
        plans.append(plan(bars, signal, rows.levels[first, 1], float(exits[0]), float(exits[1]), int(exits[2])))
    return plans


def _replays(bars: Bars, plans: list[Plan]) -> None:
    for orders in plans:
        own(bars, orders, hold=True)


def _vectorbt(bars: Bars, plans: list[Plan], effort: Effort) -> list[Row]:
    rows: list[Row] = []
    for engine, hold in (("rust", False), ("numba", False), ("numba", True)):
        for with_measures in (False, True):
            best: Row | None = None
            for batch in effort.batches:
                columns = peer_vectorbt.columns(bars, plans[:batch])

                def call(
                    columns: peer_vectorbt.Columns = columns,
                    *,
                    engine: str = engine,
                    hold: bool = hold,
                    with_measures: bool = with_measures,
                ) -> None:
                    portfolio = peer_vectorbt.run(bars, columns, engine, hold=hold)
                    if with_measures:
                        peer_vectorbt.measures(portfolio)

                call()  # compiled
                took = timed(call, effort.repeats, budget=6.0)
                each = 1e3 * took.cpu / len(plans[:batch])
                if best is None or each < float(best["ms_per_backtest"] or 0.0):
                    best = {
                        "peer": f"vectorbt, {engine}" + (", callback" if hold else ""),
                        "time_stop": hold,
                        "six_measures": with_measures,
                        "columns": len(plans[:batch]),
                        "ms_per_backtest": each,
                        "ms_wall": 1e3 * took.wall / len(plans[:batch]),
                    }
            if best is not None:
                rows.append(best)
    return rows


def _backtesting(bars: Bars, plans: list[Plan]) -> list[Row]:
    data = peer_backtesting.frame(bars)
    peer_backtesting.run(data, plans[0], hold=True)

    def call() -> None:
        for orders in plans:
            peer_backtesting.run(data, orders, hold=True)

    took = timed(call, 1)
    return [
        {
            "peer": "backtesting.py", "time_stop": True, "six_measures": True, "columns": 1,
            "ms_per_backtest": 1e3 * took.cpu / len(plans), "ms_wall": 1e3 * took.wall / len(plans),
        }
    ]  # fmt: skip


def _agreement_vectorbt(bars: Bars, plans: list[Plan]) -> list[tuple[str, str, bool, Agreement]]:
    """(peer, setting, whether it must be exact, what was found)."""
    chunks = [plans[i : i + CHUNK] for i in range(0, len(plans), CHUNK)]
    columns = [peer_vectorbt.columns(bars, chunk) for chunk in chunks]
    found = []
    for engine, hold in (("numba", False), ("rust", False), ("numba", True)):
        runs = (peer_vectorbt.run(bars, c, engine, hold=hold) for c in columns)
        theirs = [trades for run in runs for trades in peer_vectorbt.trades(run)]
        name = f"vectorbt, {engine}" + (", callback" if hold else "")
        settings = [("our rules", True, 0, False)]
        if not hold:
            settings.append(("ours without time stop", False, 0, False))
        without = "" if hold else " and time stop"
        settings.append((f"ours without signals on an exit bar{without}", hold, 1, True))
        for setting, my_hold, cooldown, exact in settings:
            agreement = Agreement()
            for orders, peer in zip(plans, theirs, strict=True):
                agreement.add(own(bars, orders, hold=my_hold, cooldown=cooldown), peer)
            found.append((name, setting, exact, agreement))
    return found


def _agreement_backtesting(bars: Bars, plans: list[Plan]) -> list[tuple[str, str, bool, Agreement]]:
    data = peer_backtesting.frame(bars)
    settings = (
        ("our rules", True, 0.0005, False),
        ("ours without time stop", False, 0.0005, False),
        ("ours without time stop and slippage", False, 0.0, True),
    )
    found = []
    for setting, hold, slip, exact in settings:
        agreement = Agreement()
        for orders in plans:
            result = peer_backtesting.run(data, orders, hold=hold, spread=slip)
            agreement.add(own(bars, orders, hold=hold, slip=slip), peer_backtesting.trades(result))
            agreement.refused += peer_backtesting.refused(result)
        found.append(("backtesting.py", setting, exact, agreement))
    return found


def _summary(speed: list[Row]) -> list[str]:
    """The fastest way of each peer to all six measures, per market and size."""
    best: dict[tuple[str, ...], Row] = {}
    for row in speed:
        peer = str(row["peer"]).split(",")[0]
        if row["six_measures"] and not peer.startswith("assay"):
            key = (str(row["market"]), f"{row['bars']:,}", peer)
            if key not in best or float(row["times_ours"] or 0.0) < float(best[key]["times_ours"] or 0.0):
                best[key] = row
    return [
        f"{market}, {bars} bars: {row['peer']} with six measures takes {row['times_ours']:,.0f} times as long as ours."
        for (market, bars, _), row in best.items()
    ]


def section(markets: Sequence[Bars], sizes: Sequence[int], grid: Grid, effort: Effort) -> Section:
    """Time and compare the peers that are installed."""
    found = Section("peers", "Against vectorbt and backtesting.py, one core each")
    peers, missing = installed()
    if missing:
        found.skipped = f"{' and '.join(missing)} not installed: {INSTALL}"
        if not peers:
            return found
    strategy = LiquiditySweep()
    speed: list[Row] = []
    values: list[Row] = []
    agree: list[Row] = []
    for market in markets:
        for size in sizes if market is markets[0] else sizes[:1]:
            part = effort.on(size)
            bars = ours.last(market, size)
            say(f"peers: {bars.market.symbol}, {size:,} bars")
            plans = sample(bars, grid, part.combinations)
            ours.sweep_grid(strategy, bars, grid, "long", 1)
            mine = timed(partial(ours.sweep_grid, strategy, bars, grid, "long", 1), effort.repeats)
            each = 1e3 * mine.cpu / len(mine.result.sums)
            _replays(bars, plans[:1])
            where: Row = {"market": bars.market.symbol, "bars": len(bars)}
            rows: list[Row] = [
                {
                    "peer": "assay sweep, whole grid",
                    "time_stop": True,
                    "six_measures": True,
                    "columns": len(mine.result.sums),
                    "ms_per_backtest": each,
                    "ms_wall": 1e3 * mine.wall / len(mine.result.sums),
                }
            ]
            one = timed(partial(_replays, bars, plans), effort.repeats)
            rows.append(
                {
                    "peer": "assay replay, one by one", "time_stop": True, "six_measures": False, "columns": 1,
                    "ms_per_backtest": 1e3 * one.cpu / len(plans), "ms_wall": 1e3 * one.wall / len(plans),
                }
            )  # fmt: skip
            results: list[tuple[str, str, bool, Agreement]] = []
            if "vectorbt" in peers:
                rows += _vectorbt(bars, plans, part)
                results += _agreement_vectorbt(bars, plans)
            if "backtesting.py" in peers:
                few = plans[: part.slow_combinations]
                rows += _backtesting(bars, few)
                results += _agreement_backtesting(bars, few)
            speed += [where | row | {"times_ours": float(row["ms_per_backtest"] or 0.0) / each} for row in rows]
            clean = bool(bars.tradable.all())
            for peer, setting, exact, a in results:
                agree.append(
                    where
                    | {
                        "peer": peer, "compared_with": setting, "combinations": a.combinations, "trades": a.trades,
                        "same_count": a.same_count, "same_entries": a.same_entries, "same_trades": a.same_trades,
                        "largest_return_difference": a.largest if a.same_trades else None, "refused_orders": a.refused,
                    }
                )  # fmt: skip
                if exact and clean:
                    found.checks[f"{where['market']}, {size:,} bars, {peer}: equal to {setting}"] = a.exact
    cases, checks = peer_cases.table(peers)
    if "vectorbt" in peers:
        bars = ours.last(markets[0], sizes[0])
        values, equal = peer_measures.table(bars, sample(bars, grid, min(CHUNK, effort.combinations)))
        found.checks |= equal
    found.checks |= checks
    found.tables = [
        Table("Cost per backtest, CPU; the best batch of columns per row", speed),
        Table("Trade lists: combinations in which all entry and exit bars agree; returns per trade on notional", agree),
        Table("vectorbt's measures beside ours where every trade is equal and nothing costs", values),
        Table("Constructed cases without costs: entry bar > exit bar at price, the signal's bar is 0", cases),
    ]
    found.notes = [*_summary(speed), f"Versions: {_versions(peers)}.", *NOTES]
    return found
