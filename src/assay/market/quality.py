"""What is wrong with a market's bars, counted."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.market.calendar import ms_to_days

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.market.bars import Bars

REQUIRED_VALID_PCT = 70.0
"""Training is refused below this share of valid bars (percent)."""

STALE_BARS = 12
OUTLIER_WINDOW = 288
OUTLIER_MULTIPLE = 25.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that may be wrong with a bar.

    Attributes
    ----------
    title, meaning : str
    masks : bool
        Whether such a bar gives no signal; else it is reported alone.
    """

    title: str
    meaning: str
    masks: bool


FINDINGS = {
    "absent": Finding("absent", "The calendar expects the bar and the source does not have it.", masks=True),
    "zero_volume": Finding("zero volume", "Nothing was traded: no signal, and no order fills on it.", masks=True),
    "flat": Finding("flat", "High = low: it gives no signal.", masks=True),
    "impossible": Finding(
        "impossible", "Open or close outside of high and low: no signal, and no order fills on it.", masks=True
    ),
    "stale": Finding(
        "stale", f"In a run of at least {STALE_BARS} bars whose close never changes. Reported, not masked.", masks=False
    ),
    "outlier": Finding(
        "outlier",
        f"The move exceeds {OUTLIER_MULTIPLE:g} times the mean absolute move of the {OUTLIER_WINDOW} bars before. "
        "Reported, never masked: to mask a real spike would hide the ruin of a short.",
        masks=False,
    ),
}
"""What the measurement knows of each bar, by the names of `QualityReport`."""


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Counts of findings over all bars that the calendar expects.

    Attributes
    ----------
    expected : int
        Bars on the calendar's grid from the first to the last stamp.
    absent : int
        Expected bars that the source does not have.
    duplicate : int
        Repeated stamps (always 0 here: `Bars` refuses them).
    zero_volume, flat, impossible : int
        Recorded bars with volume 0, with high = low, with open or close outside high and low.
    stale : int
        Recorded bars in runs of at least 12 whose close never changes (reported, never masked).
    outlier : int
        Bars whose move exceeds 25 times the mean absolute move of the 288 before (reported, never
        masked: masking a real spike would hide a short's ruin).
    longest_hole : int
        Longest run of absent bars.
    valid_pct : float
        Valid bars in percent of the expected.
    traded_pct : float
        Recorded bars with volume > 0 in percent of the recorded; NaN without a volume column.
    days : float
        Length of the span in days.
    """

    expected: int
    recorded: int
    absent: int
    duplicate: int
    zero_volume: int
    flat: int
    impossible: int
    stale: int
    outlier: int
    longest_hole: int
    valid: int
    valid_pct: float
    traded_pct: float
    days: float

    @property
    def passes(self) -> bool:
        """Whether training may use these bars."""
        return self.valid_pct >= REQUIRED_VALID_PCT

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, with the gate's answer."""
        return asdict(self) | {"passes": self.passes, "required_valid_pct": REQUIRED_VALID_PCT}


def longest_run(mask: NDArray[np.bool_]) -> int:
    """Return the length of the longest run of True in a mask of shape (n,)."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    return int((edges[:, 1] - edges[:, 0]).max()) if len(edges) else 0


def _stale(close: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which bars lie in runs of at least `STALE_BARS` equal closes."""
    starts = np.flatnonzero(np.diff(close, prepend=np.nan) != 0)
    lengths = np.diff(starts, append=len(close))
    return np.repeat(lengths >= STALE_BARS, lengths)


def _outliers(close: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which bars moved by more than `OUTLIER_MULTIPLE` times the trailing mean absolute move."""
    found = np.zeros(len(close), dtype=np.bool_)
    move = np.abs(np.diff(np.log(close)))
    if len(move) > OUTLIER_WINDOW:
        total = np.concatenate(([0.0], np.cumsum(move)))
        before = (total[OUTLIER_WINDOW:-1] - total[: -OUTLIER_WINDOW - 1]) / OUTLIER_WINDOW
        found[OUTLIER_WINDOW + 1 :] = move[OUTLIER_WINDOW:] > OUTLIER_MULTIPLE * np.maximum(before, 1e-12)
    return found


def findings_of(bars: Bars) -> dict[str, NDArray[np.bool_]]:
    """Return which bars have which finding, by the names of `FINDINGS`, shape (n,) each.

    Only `absent` says something of bars that the source does not have.
    """
    there = ~bars.absent
    prices = {name: getattr(bars, name)[there] for name in ("open", "high", "low", "close", "volume")}
    body_high = np.maximum(prices["open"], prices["close"])
    body_low = np.minimum(prices["open"], prices["close"])
    recorded = {
        "zero_volume": (prices["volume"] == 0) if bars.has_volume else np.zeros(len(prices["volume"]), dtype=np.bool_),
        "flat": prices["high"] == prices["low"],
        "impossible": (prices["high"] < body_high) | (prices["low"] > body_low),
        "stale": _stale(prices["close"]),
        "outlier": _outliers(prices["close"]),
    }
    found = {"absent": bars.absent}
    for name, mask in recorded.items():
        found[name] = np.zeros(len(bars), dtype=np.bool_)
        found[name][there] = mask
    return found


@dataclass(frozen=True, eq=False)
class DailyQuality:
    """Findings of each trading day, from the first to the last, days without a bar among them.

    Attributes
    ----------
    first_day : int
        Ordinal of the first day.
    expected, valid : int64, shape (days,)
        Bars that the calendar expects, and those of them that may signal.
    counts : mapping of str to int64, shape (days,)
        Bars with each finding, by the names of `FINDINGS`.
    """

    first_day: int
    expected: NDArray[np.int64]
    valid: NDArray[np.int64]
    counts: dict[str, NDArray[np.int64]]


def daily_quality(bars: Bars) -> DailyQuality:
    """Count the findings of bars per trading day."""
    first = int(bars.day[0])
    place = bars.day - first

    def per_day(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(place[mask], minlength=int(place[-1]) + 1)

    counts = {name: per_day(mask) for name, mask in findings_of(bars).items()}
    return DailyQuality(first, per_day(np.ones(len(bars), dtype=np.bool_)), per_day(bars.valid), counts)


def measure_quality(bars: Bars, start: int = 0) -> QualityReport:
    """Count the findings of bars[start:]."""
    bars = bars.between(start)
    found = {name: int(np.count_nonzero(mask)) for name, mask in findings_of(bars).items()}
    expected = len(bars)
    recorded = expected - found["absent"]
    valid = int(np.count_nonzero(bars.valid))
    return QualityReport(
        expected=expected,
        recorded=recorded,
        **found,
        duplicate=0,
        longest_hole=longest_run(bars.absent),
        valid=valid,
        valid_pct=100.0 * valid / expected if expected else 0.0,
        traded_pct=100.0 * (1.0 - found["zero_volume"] / recorded) if bars.has_volume and recorded else float("nan"),
        days=ms_to_days(expected * bars.market.timeframe.ms),
    )


SIGNAL_RULE = "volume > 0, high > low, open and close inside high and low"
FILL_RULE = "volume > 0, open and close inside high and low"


def data_filter(
    bars: Bars, report: QualityReport | None = None, *, span: slice = slice(None), override: bool = False
) -> dict[str, Any]:
    """Return how bars were filtered, as plain values: the masks and what they left, bound to the data.

    Parameters
    ----------
    bars : Bars
    report : QualityReport, optional
        Of the bars of the span, where it was measured before.
    span : slice
        The bars that are counted; all by default. The digests are those of all bars.
    override : bool
        Whether bars that the gate refuses were used all the same.

    Returns
    -------
    dict
        ``data_digest`` and ``mask_digest`` (SHA-256 over both masks), the rules of the masks, ``before`` (counts of the
        recorded bars) and ``after`` (counts of those that may signal and fill), the gate's answer and the report.
        Bars are masked, never deleted: deletion would bend time.
    """
    report = report or measure_quality(bars.between(span.start or 0, span.stop))
    masks = hashlib.sha256(np.packbits(bars.valid).tobytes() + np.packbits(bars.tradable).tobytes())
    before = {name: getattr(report, name) for name in ("recorded", "zero_volume", "flat", "impossible")}
    left = (bars.valid & ~bars.absent)[span]
    volume, high, low = bars.volume[span], bars.high[span], bars.low[span]
    return {
        "data_digest": bars.digest,
        "mask_digest": masks.hexdigest(),
        "may_signal": SIGNAL_RULE if bars.has_volume else SIGNAL_RULE.removeprefix("volume > 0, "),
        "may_fill": FILL_RULE if bars.has_volume else FILL_RULE.removeprefix("volume > 0, "),
        "before": {"bars": before.pop("recorded"), **before},
        "after": {
            "bars": int(left.sum()),
            "zero_volume": int(np.count_nonzero(volume[left] == 0)) if bars.has_volume else 0,
            "flat": int(np.count_nonzero(high[left] == low[left])),
            "tradable": int(bars.tradable[span].sum()),
            "masked": report.recorded - int(left.sum()),
        },
        "passes": report.passes,
        "override": override and not report.passes,
        "report": report.as_dict(),
    }
