"""Whether the rows of an answer can be what was asked for: candles, of that span, of that timeframe.

One row that cannot be right spoils its answer: an exchange that sends a broken candle is no witness for the others
that it left out. Rows in any order, and rows that come twice, are no fault: many exchanges send the newest first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.errors import AnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

SETTLING_MS = 120_000
"""A bar younger than this that is not there yet may still come; clocks differ by less."""

OUTSIDE_BARS = 2
"""So many bars before and after the span an answer may hold: some exchanges count both ends, or round."""

CHANCE, RARE_CHANCE = 5e4, 1e12
"""Odds from which bars that all lie on a coarser grid are taken for bars of that timeframe: where hardly one of these
is absent, and where some are."""

Row = tuple[float, float, float, float, float, float]
_COLUMNS = ("time", "open", "high", "low", "close", "volume")
_NO_ROW = [float("nan")] * 6


class TimeframeError(AnswerError):
    """The bars of an answer are those of another timeframe, which a shorter answer would only hide."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer is judged by.

    Attributes
    ----------
    exchange : str
    start_ms, stop_ms : int
        Span asked for, milliseconds UTC.
    step_ms : int
        Length of a bar.
    now_ms : int
        The exchange's clock.
    bounded : bool
        The exchange gives nothing outside the span.
    coarser_ms : tuple of int
        Longer timeframes that it offers.
    """

    exchange: str
    start_ms: int
    stop_ms: int
    step_ms: int
    now_ms: int
    bounded: bool
    coarser_ms: tuple[int, ...] = ()


def every_row(parse: Callable[[Any, Any], Any]) -> Callable[..., list[Any]]:
    """Return what stands for ccxt's ``parse_ohlcvs``: every row of an answer, in its order.

    ccxt leaves out rows before the first stamp asked for and rows without a stamp. An answer for other days, or one
    of garbage, would become an empty one, which reads as "there are no bars".

    Parameters
    ----------
    parse : callable
        ccxt's ``parse_ohlcv`` of the exchange: one row and the market.
    """

    def rows(
        answer: Any,
        market: Mapping[str, Any] | None = None,
        timeframe: str = "",  # noqa: ARG001  (ccxt's names and order)
        since: int | None = None,  # noqa: ARG001
        limit: int | None = None,  # noqa: ARG001
        tail: bool = False,  # noqa: ARG001, FBT001, FBT002
    ) -> list[Any]:
        if not isinstance(answer, list):
            raise TypeError("candles must come as a list")
        return [_parsed(parse, row, market) for row in answer]

    return rows


def _parsed(parse: Callable[[Any, Any], Any], row: Any, market: Any) -> Sequence[Any]:
    found = parse(row, market) if isinstance(row, (list, dict)) else None
    return found if isinstance(found, list) and len(found) >= len(_NO_ROW) else _NO_ROW


def check(candles: NDArray[np.float64], asked: Question) -> NDArray[np.float64]:
    """Refuse an answer with a row that cannot be right; return it without broken rows outside the span asked for.

    Those are no fault of this answer, and are met again when their own span is asked for.

    Parameters
    ----------
    candles : float64, shape (n, 6)
        Every row of the answer.
    asked : Question

    Raises
    ------
    AnswerError
        It names the row, the column, the rule and the value.
    """
    time = candles[:, 0]
    _refuse(candles, ~np.isfinite(time), "time", "must be a time", asked)
    late = time > asked.now_ms + asked.step_ms + SETTLING_MS
    _refuse(candles, late, "time", "must not lie in the future", asked)
    slack = OUTSIDE_BARS * asked.step_ms
    before = time < asked.start_ms - slack
    if asked.bounded or before.all():
        outside = before | (time >= asked.stop_ms + slack)
        span = f"must lie in what was asked for, {moment(asked.start_ms)} to {moment(asked.stop_ms)}"
        _refuse(candles, outside, "time", span, asked)
    inside = candles[(time >= asked.start_ms) & (time < asked.stop_ms)]
    _refuse(inside, inside[:, 0] % asked.step_ms != 0, "time", "must open on the grid of the timeframe", asked)
    for i in range(1, 5):
        wrong = ~(np.isfinite(inside[:, i]) & (inside[:, i] > 0))
        _refuse(inside, wrong, _COLUMNS[i], "must be a positive price", asked)
    _refuse(inside, inside[:, 2] < inside[:, 3], "high", "must not be below low", asked)
    _refuse(inside, ~(np.isfinite(inside[:, 5]) & (inside[:, 5] >= 0)), "volume", "must not be negative", asked)
    check_timeframe(time, asked)
    usable = np.isfinite(candles).all(axis=1) & (candles[:, 1:5] > 0).all(axis=1)
    usable &= (candles[:, 2] >= candles[:, 3]) & (candles[:, 5] >= 0) & (time % asked.step_ms == 0)
    sound: NDArray[np.float64] = candles[usable]
    return sound


def check_timeframe(stamps: NDArray[np.float64], asked: Question) -> None:
    """Refuse bars that stand apart as those of a longer timeframe do, and too often so for chance."""
    apart = np.diff(np.unique(stamps)) / asked.step_ms
    for coarser in asked.coarser_ms:
        ratio = coarser // asked.step_ms
        if not len(apart) or stamps.min() % coarser or (apart % ratio).any():
            continue
        odds = CHANCE if np.mean(apart == ratio) >= 0.9 else RARE_CHANCE
        if len(apart) * np.log(ratio) > np.log(odds):
            rule = f"sends bars of {coarser // 60_000} minutes where {asked.step_ms // 60_000} were asked for"
            raise TimeframeError(asked.exchange, rule, "Try again later, or another exchange")


def moment(time_ms: float) -> str:
    """Return a moment as it is written after ``--from``, in UTC."""
    return str(np.datetime64(int(time_ms), "ms").astype("datetime64[m]"))


def _refuse(candles: NDArray[np.float64], wrong: NDArray[np.bool_], column: str, rule: str, asked: Question) -> None:
    if not wrong.any():
        return
    row = candles[int(np.flatnonzero(wrong)[0])]
    value = row[_COLUMNS.index(column)]
    if column == "time" and np.isfinite(value):
        value = _stamp(value)
    where = "" if column == "time" else f" at {_stamp(row[0])}"
    raise AnswerError(
        asked.exchange, f"sends a wrong candle{where}: {column}: {rule}, got {value}", _way_out(row, asked)
    )


def _way_out(row: NDArray[np.float64], asked: Question) -> str:
    inside = np.isfinite(row[0]) and asked.start_ms <= row[0] < asked.stop_ms
    if not inside:
        return "Try again later, or another exchange"
    begin = row[0] // asked.step_ms * asked.step_ms
    after = moment(begin + asked.step_ms)
    return f"Try again later; --to {moment(begin)} ends before it and --from {after} begins behind it"


def _stamp(value: float) -> str:
    return f"{moment(value)}Z" if abs(value) < 1e14 else f"{value:g}"
