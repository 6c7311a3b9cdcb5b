"""Which timeframe stamps are of: their most common step, and stretches of another one among them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import FileFormatError, InputError
from assay.market import Market, Timeframe
from assay.market.calendar import DAY_MS, MINUTE_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_STRETCH = 24
"""So many equal longer steps in a row are bars of another timeframe: where trades are rare, gaps are irregular."""

_USUAL = frozenset(minutes * MINUTE_MS for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 480, 720, 1440, 10080))


def in_order(time: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the different stamps in order; those that are so already, as most files have them, as they are."""
    if (np.diff(time) > 0).all():
        return time
    time = np.sort(time)
    return time[np.diff(time, prepend=time[0] - 1) > 0]


def common_step(time: NDArray[np.int64]) -> int | None:
    """Return the most common step in milliseconds, or None without one; order is for the bars to judge."""
    steps = np.abs(np.diff(time))
    if len(steps) and steps[0] > 0 and (steps == steps[0]).all():
        return int(steps[0])
    values, counts = np.unique(steps[steps > 0], return_counts=True)
    return int(values[counts.argmax()]) if len(values) else None


def step_text(step_ms: int | None) -> str:
    """Return a step in words."""
    try:
        return str(Timeframe(step_ms or 0))
    except InputError:
        return f"{(step_ms or 0) / MINUTE_MS:g} minutes"


def check_one_timeframe(time: NDArray[np.int64], step_ms: int, where: str) -> None:
    """Refuse stamps that hold a stretch of another timeframe: it would pass for a market that rarely trades.

    Parameters
    ----------
    time : int64, shape (n,)
        Milliseconds, in the order of the file.
    step_ms : int
        The timeframe.
    where : str
        What is read, for messages.

    Raises
    ------
    FileFormatError
        Naming the first row of the stretch.
    """
    if not len(time):
        return
    stamps = in_order(time)
    steps = np.diff(stamps)
    if not len(steps) or (steps == step_ms).all():
        return
    starts = np.flatnonzero(np.diff(steps, prepend=0) != 0)
    lengths = np.diff(starts, append=len(steps))
    other = (steps[starts] != step_ms) & (lengths >= MIN_STRETCH)
    for begin, length in zip(starts[other], lengths[other], strict=True):
        found = int(steps[begin])
        usual = found in _USUAL or (found > DAY_MS and found % DAY_MS == 0)
        if usual and (found % step_ms == 0 or step_ms % found == 0):
            at = np.datetime64(int(stamps[begin]), "ms")
            rule = (
                f"must hold one timeframe, but {length:,} bars from {at} on are {step_text(found)} apart and the most "
                f"are {step_text(step_ms)}"
            )
            raise FileFormatError(where, rule, hint="Split it, or say --timeframe to read it all the same")


def settle_timeframe(said: Timeframe | None, step: int | None, where: str, correct: str) -> Timeframe:
    """Return the timeframe that is said, which must be that of the stamps; where nothing is said that of the stamps.

    Parameters
    ----------
    said : Timeframe or None
        What a file's name or a frame's attributes say.
    step : int or None
        The most common step of the stamps in milliseconds; None where there are not two.
    where : str
        What is read, for messages.
    correct : str
        What else the caller could give.

    Raises
    ------
    FileFormatError
        When what is said differs from the step, or there is neither.
    """
    if said is None:
        if step is None:
            raise FileFormatError(where, "must have two different stamps, or the timeframe has to be given")
        return Timeframe(step)
    if step not in (None, said.ms):
        raise FileFormatError(
            where,
            f"must hold {said} bars as its name or attributes say, but the most common step of "
            f"its stamps is {step_text(step)}; correct it or give {correct}",
        )
    return said


def settle_market(time: NDArray[np.int64], said: Market | None, unknown: Market, where: str) -> Market:
    """Return the market of bars whose caller did not name it.

    Parameters
    ----------
    time : ndarray of int64, shape (n,)
        Stamps in milliseconds.
    said : Market or None
        What the attributes of a frame say.
    unknown : Market
        Exchange and symbol where nothing is said.
    where : str
        What is read, for messages.

    Raises
    ------
    FileFormatError
        When what is said differs from the most common step of the stamps.
    """
    timeframe = settle_timeframe(None if said is None else said.timeframe, common_step(time), where, "the market")
    return said or replace(unknown, timeframe=timeframe)
