"""Look inside ambiguous bars with the finer bars that a database holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.errors import InputError
from assay.validation import ambiguity

if TYPE_CHECKING:
    from assay.store import BarStore
    from assay.training import Evidence
    from assay.validation import Ambiguity


def drill_down(evidence: Evidence, store: BarStore) -> Ambiguity:
    """Return the ambiguity of the out-of-sample run, resolved as far as the stored bars of the market can.

    Of several finer timeframes the one that decides most is used, the finest of equals. The evidence does not
    depend on it.
    """
    run, bars = evidence.walk_forward.run, evidence.bars
    best = ambiguity(run, bars)
    if not best.trades:
        return best
    at = bars.time[run.trades.exit_bar[run.trades.ambiguous]]
    span = int(at.min()), int(at.max()) + bars.market.timeframe.ms
    for market in reversed(store.finer(bars.market)):
        if market.timeframe == bars.market.timeframe:
            continue
        try:
            finer = store.read(market, *span)
        except InputError:
            continue  # held, but nothing of these days
        found = ambiguity(run, bars, finer)
        if best.finer_timeframe is None or found.resolved > best.resolved:
            best = found
    return best
