"""What figures say in numbers, as the rows of a page: `documents.performance` computes, this puts it into words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.documents.performance import sharpe_error
from assay.market import Timeframe
from assay.market.calendar import ROUND_THE_CLOCK
from assay.reports.values import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.documents.performance import Performance

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

PATHS = {"run": "the run", "market": "the market", "same_exposure": "the market, at the mean position"}

PATH_ROWS = (
    ("net_profit_pct", "net profit", "{:+.2f} %"),
    ("annual_return_pct", "net profit a year", "{:+.2f} %"),
    ("sharpe_ratio", "Sharpe ratio", "{:.2f}"),
    ("max_drawdown_pct", "maximum drawdown of day ends", "{:.2f} %"),
    ("best_day_pct", "best day", "{:+.2f} %"),
    ("worst_day_pct", "worst day", "{:+.2f} %"),
    ("rising_days", "days on which it rose", "{:.1%}"),
)

SPLITS = {
    "side": "Side",
    "weekday": "Weekday of entry",
    "reason": "Reason of exit",
    "hour": "Hour of entry",
}

SUMMARIES = {"wins": "trades that won", "others": "trades that did not"}


def performance_view(found: Performance) -> dict[str, Any]:
    """Return tables of a performance as texts.

    Returns
    -------
    dict
        ``heads`` and ``paths``, the run beside its market; ``months`` and ``years``; ``falls``; ``splits``;
        ``summaries`` of the excursions, None where they are unknown; ``rolling``, lengths of the rolling Sharpe ratio,
        and ``error``, by how much the longest is uncertain.
    """
    known = found.as_dict()
    whole_year = found.days > ROUND_THE_CLOCK.days_per_year  # of fewer days it would be a guess
    rolling = [one.days for one in found.rolling if one.is_known]
    rows = [row for row in PATH_ROWS if whole_year or row[0] != "annual_return_pct"]
    measures = [path["measures"] for path in known["paths"]]
    return {
        "days": found.days,
        "heads": [PATHS[path.name] for path in found.paths],
        "paths": [[label, *(text(m[name], form) for m in measures)] for name, label, form in rows],
        "months": MONTHS,
        "years": _years(known["years"], known["market_years"]),
        "in_part": any(any(year.in_part) for year in found.years),
        "has_market": bool(found.market_years),
        "falls": known["falls"],
        "splits": [
            {
                "title": SPLITS[split["name"]],
                "rows": [_group(group) for group in split["groups"] if group["trades"]],
                "long": split["name"] == "hour",
            }
            for split in sorted(known["splits"], key=lambda split: list(SPLITS).index(split["name"]))
        ],
        "summaries": None if found.excursions is None else [_summary(s) for s in known["excursions"]["summaries"]],
        "rolling": rolling,
        "error": text(sharpe_error(rolling[-1]), "{:.1f}") if rolling else "",
    }


def _group(group: Mapping[str, Any]) -> list[str]:
    forms = {"win_rate": "{:.1%}", "mean_r": "{:+.2f}", "mean_net_pct": "{:+.3f} %", "net_profit_pct": "{:+.2f} %"}
    return [group["name"], text(group["trades"], "{:,d}"), *(text(group[name], form) for name, form in forms.items())]


def _summary(summary: Mapping[str, Any]) -> list[str]:
    forms = {"mae_r": "{:.2f} R", "mfe_r": "{:.2f} R", "bars": "{:g}"}
    return [SUMMARIES[summary["name"]], str(summary["trades"]), *(text(summary[n], form) for n, form in forms.items())]


def _years(years: Sequence[Mapping[str, Any]], market: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row a year: its months with how strongly to colour them, the year, and that of the market."""
    most = max((abs(v) for year in years for v in year["months_pct"] if v is not None), default=0.0) or 1.0
    held = {year["year"]: year["return_pct"] for year in market}
    return [
        {
            "year": year["year"],
            "months": [
                None
                if value is None
                else {
                    "value": text(value, "{:+.1f}") + ("*" if in_part else ""),
                    "strength": round(45 * abs(value) / most),
                    "good": value > 0,
                }
                for value, in_part in zip(year["months_pct"], year["in_part"], strict=True)
            ],
            "total": text(year["return_pct"], "{:+.2f} %"),
            "market": text(held.get(year["year"]), "{:+.2f} %"),
        }
        for year in years
    ]


def candles_sentence(candles: Mapping[str, Any], trades: int) -> str:
    """Return what the chart of candles shows."""
    whole = candles["whole"]
    count = sum(high >= 0 for high in whole["moves"][2::4])
    sentence = f"{count:,} candles of {Timeframe(whole['step_ms'])} over the whole span"
    near = sorted({block["step_ms"] for block in candles["near"] if block is not None})
    if not near:
        return f"{sentence}. A chosen trade is shown on the same candles."
    steps = " to ".join(str(Timeframe(ms)) for ms in dict.fromkeys((near[0], near[-1])))
    which = f"each of the newest {len(candles['near']):,} trades" if candles["first_near"] else "each trade"
    own = Timeframe(candles["own_ms"])
    finer = "" if near == [candles["own_ms"]] else f", made of bars of {own}"
    older = f"; the {candles['first_near']:,} before are shown on the coarse ones" if candles["first_near"] else ""
    return f"{sentence}, and candles of {steps} around {which} of {trades:,}{finer}{older}."
