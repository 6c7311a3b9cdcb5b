"""Markets of a few bars, each built around one rule: what we do, and what each peer does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.market import Bars, Market, Timeframe
from benchmarks import peer_backtesting, peer_vectorbt
from benchmarks.plan import own, plan

if TYPE_CHECKING:
    from collections.abc import Collection

    from benchmarks.plan import PeerTrades, Plan
    from benchmarks.report import Row

START = 5
FLAT = (100.0, 100.5, 99.5, 100.0)  # open, high, low, close


@dataclass(frozen=True)
class Case:
    """Signals at `signals`, counted from the first bar of `path`; stop 98, target 104 when the close is 100.

    Attributes
    ----------
    path : tuple of (open, high, low, close)
    why : str
        What the peers do otherwise, or that they do the same.
    differs : tuple of str
        Peers that are expected to differ.
    """

    name: str
    path: tuple[tuple[float, float, float, float], ...]
    signals: tuple[int, ...] = (0,)
    hold: int = 0
    why: str = "all alike"
    differs: tuple[str, ...] = ()


VBT, BT = "vectorbt", "backtesting.py"
CASES = (
    Case("stop inside a later bar", (FLAT, FLAT, (99.0, 99.5, 97.0, 97.5), FLAT)),
    Case("stop inside the entry bar", (FLAT, (100.0, 100.5, 97.0, 99.0), FLAT)),
    Case("open beyond the stop on a later bar", (FLAT, FLAT, (97.0, 97.5, 96.5, 97.0), FLAT)),
    Case("open beyond the target on a later bar", (FLAT, FLAT, (105.0, 105.5, 104.5, 105.0), FLAT)),
    Case("entry's open beyond the stop", (FLAT, (97.0, 99.0, 96.0, 98.5), FLAT)),
    Case("entry's open beyond the target", (FLAT, (105.0, 106.0, 103.0, 104.5), FLAT)),
    Case("stop and target in one bar", (FLAT, FLAT, (100.0, 105.0, 97.0, 101.0), FLAT)),
    Case(
        "signal at the close of a stop's exit bar",
        (FLAT, FLAT, (99.0, 100.5, 97.0, 100.0), FLAT, FLAT, (99.0, 99.5, 97.0, 97.5), FLAT),
        signals=(0, 2),
        why="one order per bar and column: the exit stands on the signal's bar, the new entry is lost",
        differs=(VBT,),
    ),
    Case(
        "time stop of 2 bars",
        (FLAT, FLAT, (100.0, 100.5, 99.5, 100.4), (100.2, 100.5, 99.5, 100.0), FLAT),
        hold=2,
        why="a position is closed at the next open, not at the close of its last bar",
        differs=(BT,),
    ),
    Case(
        "open position at the end of the data",
        (FLAT, FLAT, (100.0, 100.5, 99.5, 100.3)),
        why="vectorbt leaves it open (marked at the last close, no exit costs), backtesting.py closes at the last open",
        differs=(VBT, BT),
    ),
)


def build(case: Case) -> tuple[Bars, Plan]:
    """Bars and orders of a case."""
    path = np.array([*[FLAT] * START, *case.path])
    n = len(path)
    market = Market("constructed", "CASE/USDT", Timeframe.parse("5m"))
    o, h, low, c = path.T
    bars = Bars.from_columns(market, np.arange(n) * 300_000, o, h, low, c, np.ones(n))
    signal = np.array(case.signals, dtype=np.int64) + START
    return bars, plan(bars, signal, np.full(len(signal), 2.0), 1.0, 2.0, case.hold)


def _said(trades: PeerTrades | None) -> str:
    if trades is None:
        return "not installed"
    one = [
        f"{e - START}>{x - START} at {p:.6g}" + (" (open)" if o else "")
        for e, x, p, o in zip(trades.entry_bar, trades.exit_bar, trades.exit_price, trades.still_open, strict=True)
    ]
    return ", ".join(one) or "no trade"


def table(peers: Collection[str]) -> tuple[list[Row], dict[str, bool]]:
    """One row per case and whether exactly the expected peers differ; slippage and fees are zero."""
    rows: list[Row] = []
    checks: dict[str, bool] = {}
    for case in CASES:
        bars, orders = build(case)
        mine = own(bars, orders, hold=True, fee=0.0, slip=0.0)
        theirs: dict[str, PeerTrades | None] = {VBT: None, BT: None}
        if VBT in peers:
            columns = peer_vectorbt.columns(bars, [orders])
            done = peer_vectorbt.run(bars, columns, "numba", hold=True, fee=0.0, slip=0.0)
            theirs[VBT] = peer_vectorbt.trades(done)[0]
        if BT in peers:
            result = peer_backtesting.run(peer_backtesting.frame(bars), orders, hold=True, fee=0.0)
            theirs[BT] = peer_backtesting.trades(result)
        row: Row = {"case": case.name}
        row["ours"] = ", ".join(
            f"{e - START}>{x - START} at {p:.6g}"
            for e, x, p in zip(mine.entry_bar, mine.exit_bar, mine.exit_price, strict=True)
        )
        for peer, found in theirs.items():
            row[peer] = "the same" if found is not None and _said(found) == row["ours"] else _said(found)
            if found is not None:
                alike = row[peer] == "the same"
                checks[f"{case.name}: {peer} as explained"] = alike is (peer not in case.differs)
        row["reason"] = case.why
        rows.append(row)
    return rows, checks
