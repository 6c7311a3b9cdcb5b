"""What the stitched run would have been under circuit breakers and with other sizes; shown, never a gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from assay.engine import Limits, Sizing, measure
from assay.engine.layout import FATE_HELD_BACK
from assay.validation.walkforward import stitched

if TYPE_CHECKING:
    from assay.engine import Run
    from assay.evaluation.evaluator import Evaluator
    from assay.market import Bars
    from assay.validation.splits import BarSplits
    from assay.validation.walkforward import WalkForward

AS_MEASURED = "none"
ALL = "all of them"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The stitched run under one change; the same signals of the same windows.

    Attributes
    ----------
    name : str
    net_profit_pct, sharpe_ratio, max_drawdown_pct : float
    trades : int
    held_back : int
        Signals that a limit kept from being sent.
    capped : float
        Share of trades whose size was the leverage cap; NaN without trades.
    """

    name: str
    net_profit_pct: float
    sharpe_ratio: float
    max_drawdown_pct: float
    trades: int
    held_back: int
    capped: float


def under_limits(
    evaluator: Evaluator, bars: Bars, walk: WalkForward, splits: BarSplits, limits: Limits
) -> tuple[WhatIf, ...]:
    """Replay the stitched schedule without limits, under each alone, and under all.

    A limit costs what its run earns less than the one without limits, and saves what that one falls deeper. That of
    the Sharpe ratio is judged by the run without limits, in its own row and in that of all (`Limits`).
    """
    kinds = {AS_MEASURED: None, **{name: limits.alone(name) for name in Limits.names()}, ALL: limits}
    cap = evaluator.money.sizing.leverage_cap
    return tuple(
        _described(name, stitched(bars, walk.signals, evaluator, splits, limits=kind), bars, cap)
        for name, kind in kinds.items()
    )


def under_sizings(
    evaluator: Evaluator, bars: Bars, walk: WalkForward, splits: BarSplits, kelly: float
) -> tuple[WhatIf, ...]:
    """Replay the stitched schedule with risk sizing, with the whole equity, and by Kelly.

    Parameters
    ----------
    kelly : float
        The Kelly fraction: the share of the equity that a mean loss should cost. NaN or 0 leaves its two runs out. Full
        Kelly is the most that does not lower growth in the long run if the edge is exactly as measured; half of it is
        what people dare. A mean loss is not the loss at the stop (costs, gaps, time exits), so the risk at the stop is
        the fraction over the mean loss in risks, at most all of the equity.
    """
    own = evaluator.money.sizing
    kinds = {
        f"risk {100 * own.risk_fraction:g} %": replace(own, method="risk"),
        "notional": replace(own, method="notional"),
    }
    if kelly > 0:
        for name, share in (("half Kelly", kelly / 2), ("Kelly", kelly)):
            risk = min(share / _mean_loss_in_risks(walk.run), 1.0)
            kinds[f"{name}, risk {100 * risk:.3g} %"] = replace(own, method="risk", risk_fraction=risk)
    return tuple(_sized(name, sizing, evaluator, bars, walk, splits) for name, sizing in kinds.items())


def _mean_loss_in_risks(run: Run) -> float:
    """Mean loss of the losing trades in multiples of the risk at their stop; there is one where Kelly is known."""
    return -float(run.trades.r_multiple[run.trades.net_return <= 0].mean())


def _sized(name: str, sizing: Sizing, evaluator: Evaluator, bars: Bars, walk: WalkForward, splits: BarSplits) -> WhatIf:
    money = replace(evaluator.money, sizing=sizing)
    return _described(name, stitched(bars, walk.signals, evaluator, splits, money=money), bars, sizing.leverage_cap)


def _described(name: str, run: Run, bars: Bars, cap: float) -> WhatIf:
    m, size = measure(run, bars), run.trades.size
    return WhatIf(
        name=name,
        net_profit_pct=m["net_profit_pct"],
        sharpe_ratio=m["sharpe_ratio"],
        max_drawdown_pct=m["max_drawdown_pct"],
        trades=len(run.trades),
        held_back=int(np.count_nonzero(run.fates >= FATE_HELD_BACK)),
        capped=float(np.mean(size >= cap)) if len(size) else float("nan"),
    )
