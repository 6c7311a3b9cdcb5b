"""Figures of a training: what its charts draw and its document does not hold, as plain JSON values."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.documents.candles import candles
from assay.documents.plain import plain
from assay.engine.excursions import excursions
from assay.engine.tables import TRADE_SWITCHES, TRADE_TEXTS, daily_columns, trade_columns
from assay.market.calendar import ROUND_THE_CLOCK
from assay.validation import market_alpha, market_returns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from assay.engine import Run
    from assay.market import Bars
    from assay.parameters import Value
    from assay.training.evidence import Evidence
    from assay.validation import Ambiguity

VERSION = 1


def figures(evidence: Evidence, inside: Ambiguity | None = None) -> dict[str, Any]:
    """Return what a chart of a training draws; the same evidence gives the same bytes as JSON.

    Parameters
    ----------
    evidence : Evidence
    inside : Ambiguity, optional
        What finer bars say of the ambiguous trades, where a store holds some: the evidence does not depend on it.

    Returns
    -------
    dict
        ``version``; ``stitched``, the out-of-sample run by day; ``windows``, its test windows as (start, stop) in
        milliseconds UTC; ``holdout`` with ``span``, and ``run`` by day, None while it is sealed; ``trades`` as columns
        (see `trade_columns`); ``map``, scores around the winner of a grid, None for other searches; ``ambiguity``, what
        finer bars say, None where nobody looked; ``excursions`` of the trades, as columns: ``mae`` and ``mfe`` as
        fractions of the entry, ``mae_r`` and ``mfe_r`` in R, ``bars`` in the trade; ``candles`` (`documents.candles`).
        The last two are missing in figures of before.

        A run by day has ``start_ms``, and per day its ``equity`` at the end from 1 before the first, ``drawdown_pct``
        at day ends, and ``market``: one unit of the market, bought at the last close before the first day and held
        without costs, as the document measures it. The stitched run has ``same_exposure`` too: its mean position held
        in the market every day.
    """
    e, s, opened = evidence, evidence.splits, evidence.validation.holdout
    before, walked = e.bars.head(s.holdout_start), e.walk_forward
    return {
        "version": VERSION,
        "stitched": by_day(walked.run, before)
        | {"same_exposure": plain(_same_exposure(walked.run, before, e.tests.alpha.exposure))},
        "windows": [_span(e.bars, w.test_start, w.test_stop) for w in s.windows],
        "holdout": {
            "span": _span(e.bars, s.holdout_start, s.stop) if s.holdout_start < s.stop else None,
            "run": None if opened is None else by_day(opened.run, e.bars.head(s.stop)),
        },
        "trades": _trades(walked.run, before, walked.window_of_trade),
        "map": _map(e) if e.experiment.search_method == "grid" else None,
        "ambiguity": None if inside is None else plain(inside.as_dict()),
        "excursions": _excursions(walked.run, before),
        "candles": candles(before, s.windows[0].test_start, len(before), walked.run.trades),
    }


def run_figures(run: Run, bars: Bars, start: int) -> dict[str, Any]:
    """Return what the charts of a single run draw, in the form of `figures`: one window, no holdout and no map.

    Parameters
    ----------
    start : int
        First bar of its span.
    """
    stop = start + run.bars
    return {
        "version": VERSION,
        "stitched": by_day(run, bars)
        | {"same_exposure": plain(_same_exposure(run, bars, market_alpha(run, bars).exposure))},
        "windows": [_span(bars, start, stop)],
        "holdout": {"span": None, "run": None},
        "trades": _trades(run, bars),
        "map": None,
        "ambiguity": None,
        "excursions": _excursions(run, bars),
        "candles": candles(bars, start, stop, run.trades),
    }


def _trades(run: Run, bars: Bars, windows: ArrayLike | None = None) -> dict[str, Any]:
    return {name: plain(column) for name, column in trade_columns(bars, run, windows).items()}


def _excursions(run: Run, bars: Bars) -> dict[str, Any]:
    """Return how far each trade went either way and how long it took; more digits than are read are left out."""
    found = excursions(run, bars)
    return {
        "mae": plain(found.adverse.round(7)),
        "mfe": plain(found.favourable.round(7)),
        "mae_r": plain(found.adverse_r.round(4)),
        "mfe_r": plain(found.favourable_r.round(4)),
        "bars": plain(run.trades.bars_held),
    }


def stored_trades(figures: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the stitched trades of stored figures as `trade_columns` gave them: unknown prices are NaN again."""
    return {name: _column(name, values) for name, values in figures["trades"].items()}


def _column(name: str, values: Sequence[Any]) -> NDArray[Any]:
    if name in TRADE_TEXTS:
        return np.array(values, dtype=np.str_)
    if name in TRADE_SWITCHES:
        return np.array(values, dtype=np.bool_)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def stored_equity(figures: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the stitched equity of stored figures as `equity_columns` gave it."""
    run = figures["stitched"]
    first_day = int(ROUND_THE_CLOCK.day(np.array([run["start_ms"]]))[0])
    return daily_columns(first_day, np.array(run["equity"], dtype=np.float64))


def _span(bars: Bars, start: int, stop: int) -> list[int]:
    return [int(bars.time[start]), int(bars.time[stop - 1]) + bars.market.timeframe.ms]


def by_day(run: Run, bars: Bars) -> dict[str, Any]:
    """Return a run day by day beside the market; `bars` hold nothing that the run may not have seen."""
    peak = np.maximum.accumulate(np.maximum(run.equity, 1.0))
    return {
        "start_ms": bars.market.calendar.day_start_ms(run.first_day),
        "equity": plain(run.equity),
        "drawdown_pct": plain(100.0 * (run.equity / peak - 1.0)),
        "market": plain(np.cumprod(1.0 + market_returns(run, bars))),
    }


def _same_exposure(run: Run, bars: Bars, exposure: float) -> NDArray[np.float64]:
    """Return by day what the mean position of a run, held in the market every day, is worth."""
    return np.asarray(np.cumprod(1.0 + exposure * market_returns(run, bars)), dtype=np.float64)


def _order(values: Sequence[Value]) -> list[int]:
    """Return the positions of an axis in rising order; texts and switches stay as they are."""
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    return sorted(range(len(values)), key=lambda i: values[i]) if numbers else list(range(len(values)))


def _map(e: Evidence) -> dict[str, Any]:
    """Return the score over each pair of searched axes, the other parameters at the winner's values.

    Returns
    -------
    dict
        ``axes``: name and values; ``at``: position of the winner on each, or of the best point where there is no
        ``candidate``; ``planes``: x, y and scores, a row for each value of y. One axis alone is a plane without y.
    """
    found = e.search
    axes = found.result.tried.values
    scores = found.result.scores.reshape([len(v) for v in axes.values()])
    point = found.result.best or found.result.tried.at(int(np.argmax(found.result.scores)))
    at = [axis.index(point[name]) for name, axis in axes.items()]
    searched = [i for i, axis in enumerate(axes.values()) if len(axis) > 1]
    names, orders = list(axes), {i: _order(list(axes.values())[i]) for i in searched}

    def plane(x: int, y: int | None) -> dict[str, Any]:
        cut: list[Any] = list(at)
        cut[x] = slice(None)
        if y is not None:
            cut[y] = slice(None)
        grid: NDArray[np.float64] = np.atleast_2d(scores[tuple(cut)])
        if y is not None:  # the earlier axis comes first in the cut
            grid = (grid.T if x < y else grid)[orders[y]]
        return {"x": names[x], "y": None if y is None else names[y], "scores": plain(grid[:, orders[x]])}

    pairs: list[tuple[int, int | None]] = [*combinations(searched, 2)]
    if len(searched) == 1:
        pairs = [(searched[0], None)]
    return {
        "axes": [{"name": names[i], "values": plain([list(axes[names[i]])[k] for k in orders[i]])} for i in searched],
        "at": {names[i]: orders[i].index(at[i]) for i in searched},
        "candidate": found.result.best is not None,
        "planes": [plane(x, y) for x, y in pairs],
    }
