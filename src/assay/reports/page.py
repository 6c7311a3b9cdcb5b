"""The page of a report: what a configuration's document and figures say, in the order in which it is read."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from assay.engine.glossary import MEASURES
from assay.lazy import lazy
from assay.training.circuit_breakers import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bokeh.models import Plot

    from assay.reports import charts, embedding, score_map
else:  # Bokeh, for what is drawn
    charts, score_map = lazy("assay.reports.charts"), lazy("assay.reports.score_map")
    embedding = lazy("assay.reports.embedding")

UNKNOWN = "unknown"

Document = dict[str, Any]
Figures = dict[str, Any]

TILES = (
    ("net_profit_pct", "Net profit", "{:+.2f} %"),
    ("sharpe_ratio", "Sharpe ratio", "{:.2f}"),
    ("max_drawdown_pct", "Maximum drawdown", "{:.2f} %"),
    ("total_trades", "Trades", "{:,d}"),
    ("win_rate", "Win rate, net", "{:.1%}"),
    ("p_value", "p", "{:.3f}"),
)
"""What a reader looks at first: measure, label, form."""

_OPTIONAL = ("opinions", "intervals", "ambiguity", "warnings", "fragility", "funnel", "circuit_breakers", "sizing")
"""Parts of the evidence that a document may lack."""

_UNITS = {"%": " %", "R": " R", "bars": " bars", "days": " days", "bps": " bps", "quote currency": ""}
_TRADES = {
    "entry_time": "entry", "exit_time": "exit", "side": "side", "entry": "entry price", "stop": "stop",
    "target": "target", "exit": "exit price", "size": "size", "return": "net return", "R": "R", "reason": "reason",
    "ambiguous": "ambiguous", "window": "window",
}  # fmt: skip
_FORMS = {"size": "{:.4f}", "return": "{:+.3%}", "R": "{:+.2f}"}


_FUNNEL_ENDS = ("pattern", "sent", "filled")


# --- values as texts; what is not known says so


def text(value: Any, form: str = "{:.4g}") -> str:
    """Return a value in a form, percent after a space; None is unknown."""
    if value is None:
        return UNKNOWN
    shown = form.format(value + 0.0 if isinstance(value, float) else value)  # there is no -0 for a reader
    return f"{shown[:-1]} %" if form.endswith("%}") else shown


def yes_no(value: bool | None) -> str:  # noqa: FBT001  (the value itself)
    """Return a switch in words."""
    return UNKNOWN if value is None else "yes" if value else "no"


def day(moment: str | None) -> str:
    """Return the date of an ISO 8601 moment."""
    return UNKNOWN if moment is None else moment[:10]


def plainly(value: Any) -> str:
    """Return any value as a reader writes it."""
    if isinstance(value, bool) or value is None:
        return yes_no(value)
    if isinstance(value, float):
        return f"{value:,.6g}"
    return f"{value:,d}" if isinstance(value, int) else str(value)


def short(value: float | None) -> str:
    """Return a number in three digits; next to nothing is said so."""
    if value is None:
        return UNKNOWN
    return "below 0.0001" if 0 < value < 1e-4 else f"{value:.3g}"


def measured(name: str, value: float | None) -> str:
    """Return a measure with the unit of the glossary: fractions in percent."""
    unit = MEASURES[name].unit if name in MEASURES else ""
    if value is None:
        return UNKNOWN
    if unit == "fraction":
        return f"{100.0 * value:.1f} %"
    return text(value, "{:,d}" if isinstance(value, int) else "{:,.4g}") + _UNITS.get(unit, "")


# --- sections


def _gates(document: Document) -> list[dict[str, Any]]:
    rows = []
    for gate in document["lifecycle"]["gates"]:
        value, limit = gate["value"], gate["limit"]
        asked = limit == 1.0 and value in (0.0, 1.0)  # a question of yes or no, kept as a number
        margin = None if value is None else (limit - value if gate.get("at_most") else value - limit)
        rows.append(
            gate
            | {
                "measured": yes_no(bool(value)) if asked else text(value),
                "asked": "yes" if asked else f"{limit:g}",
                "margin": "" if asked else text(margin, "{:+.4g}"),
            }
        )
    return rows


def _tiles(document: Document) -> list[dict[str, str]]:
    sample = document["validation"].get("in_sample") or {}
    intervals = document["evidence"].get("intervals") or {}
    return [
        {
            "label": label,
            "value": text(document["metrics"].get(name), form),
            "sample": text(sample[name], form) if name in sample else "",
            "interval": _interval(intervals.get(name), form),
            "meaning": MEASURES[name].meaning,
        }
        for name, label, form in TILES
    ]


def _interval(ends: Sequence[float | None] | None, form: str) -> str:
    return "" if not ends else f"{text(ends[0], form)} to {text(ends[1], form)}"


def _measures(document: Document) -> list[dict[str, str]]:
    sample = document["validation"].get("in_sample") or {}
    intervals = document["evidence"].get("intervals") or {}
    return [
        {
            "name": name,
            "value": measured(name, value),
            "sample": measured(name, sample[name]) if name in sample else "",
            "interval": " to ".join(measured(name, v) for v in intervals.get(name) or ()),
            "meaning": MEASURES[name].meaning if name in MEASURES else "",
        }
        for name, value in document["metrics"].items()
    ]


def _trades(figures: Figures | None) -> dict[str, Any] | None:
    """Return heads and rows of the table of trades: of each cell its text, and the number that it is sorted by."""
    if figures is None:
        return None
    columns = [[_cell(name, value) for value in figures["trades"][name]] for name in _TRADES]
    return {"heads": list(_TRADES.values()), "rows": list(zip(*columns, strict=True))}


def _cell(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_time"):
        return value[:16].replace("T", " "), ""
    if isinstance(value, bool):
        return "yes" if value else "", ""
    if isinstance(value, str):
        return value, value if value.isdecimal() else ""
    return text(value, _FORMS.get(name, "{:.8g}")), "" if value is None else value


def _matrix(document: Document) -> dict[str, Any] | None:
    """Return the Sharpe ratio by length of train and test windows, each with how strongly to colour it."""
    matrix = document["validation"].get("matrix")
    if not matrix:
        return None
    known = [abs(v) for row in matrix["sharpe"] for v in row if v is not None]
    most = max(known, default=0.0) or 1.0
    rows = []
    for i, days in enumerate(matrix["train_days"]):
        cells = []
        for j, sharpe in enumerate(matrix["sharpe"][i]):
            cells.append(
                {
                    "sharpe": text(sharpe, "{:.2f}"),
                    "profit": text(matrix["net_profit_pct"][i][j], "{:+.1f} %"),
                    "windows": text(matrix["windows"][i][j], "{:d}"),
                    "strength": 0 if sharpe is None else round(45 * abs(sharpe) / most),
                    "good": sharpe is not None and sharpe > 0,
                }
            )
        rows.append((days, cells))
    return {"test_days": matrix["test_days"], "rows": rows}


def _funnel(document: Document) -> list[tuple[str, int, int]]:
    """Return the stages from the pattern on that lose anything, and the last two: name, left, lost."""
    stages = (document["evidence"].get("funnel") or {}).get("stages", [])
    found: list[tuple[str, int, int]] = []
    before = None
    for stage in stages:
        lost = 0 if before is None else before - stage["passed"]
        before = stage["passed"]
        if lost or stage["alone"] is not None or stage["name"] in _FUNNEL_ENDS:
            found.append((stage["name"], stage["passed"], lost))
    first = next((i for i, (name, _, _) in enumerate(found) if name == "pattern"), 0)
    return found[first:]


def _start_ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def _charts(document: Document, figures: Figures | None) -> tuple[dict[str, Plot], list[dict[str, Any]]]:
    """Return every chart that can be drawn, by the name of its place, and the planes of the score map."""
    drawn: dict[str, Plot] = {}
    planes: list[dict[str, Any]] = []
    evidence, rows = document["evidence"], document["validation"].get("windows", [])
    if rows:
        drawn["windows"] = charts.windows(rows, [_start_ms(row["test_from"]) for row in rows])
    if evidence.get("permutation", {}).get("maxima"):
        drawn["luck"] = charts.luck(evidence["permutation"])
    if evidence.get("fragility"):
        changes = [(f["change"], f["net_profit_pct"]) for f in evidence["fragility"]]
        drawn["fragility"] = charts.fragility([("as measured", document["metrics"]["net_profit_pct"]), *changes])
    if stages := _funnel(document):
        drawn["funnel"] = charts.funnel(stages)
    if figures is None:
        return drawn, planes
    drawn["equity"], drawn["drawdown"] = charts.equity(figures)
    if figures["map"] and figures["map"]["planes"]:
        planes = score_map.planes(figures["map"])
        drawn["map"] = score_map.chart(planes)
    trades = figures["trades"]
    multiples = [r for r in trades["R"] if r is not None]
    if multiples:
        drawn["r"] = charts.r_distribution(multiples)
        drawn["cumulative"] = charts.cumulative_r(
            [e[:16].replace("T", " ") for e, r in zip(trades["exit_time"], trades["R"], strict=True) if r is not None],
            multiples,
        )
        drawn["reasons"] = charts.exit_reasons(trades["reason"])
    return drawn, planes


def _embeddable(value: Any) -> Markup:
    """Return JSON that no name inside it can end the script of."""
    content = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        content = content.replace(character, f"\\u{ord(character):04x}")
    return Markup(content)  # noqa: S704  (what could be markup is escaped above)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("assay.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "text": text,
        "plainly": plainly,
        "short": short,
        "yes_no": yes_no,
        "day": day,
        "measured": measured,
    }
    return environment


def html(document: Mapping[str, Any], figures: Mapping[str, Any] | None = None) -> str:
    """Return the report of a V3 document: one page that loads nothing.

    Parameters
    ----------
    document : mapping
        A V3 document, also one without evidence.
    figures : mapping, optional
        `assay.documents.figures` of the same training; without them the page shows what the document has, and says so.

    Returns
    -------
    str
        The same bytes for the same arguments. Every number is the document's or the figures' own.
    """
    d, f = dict(document), None if figures is None else dict(figures)
    d["evidence"] = dict.fromkeys(_OPTIONAL) | d["evidence"]
    if f is not None and f.get("ambiguity"):  # finer bars were looked into: it says more than the document
        d["evidence"]["ambiguity"] = f["ambiguity"]
    drawn, planes = _charts(d, f)
    environment = _environment()

    def raw(name: str) -> Markup:
        source, _, _ = environment.loader.get_source(environment, name)  # type: ignore[union-attr]
        return Markup(source)  # noqa: S704  (the package's own file)

    return environment.get_template("report.html").render(
        d=d,
        figures=f,
        proven=d["evidence"].get("verified") is True,
        gates=_gates(d),
        tiles=_tiles(d),
        measures=_measures(d),
        matrix=_matrix(d),
        trades=_trades(f),
        limits={name: f"{value:g} {MEANINGS[name][0]}" for name, value in d["circuit_breakers"].items()},
        charts=drawn,
        planes=planes,
        style=raw("report.css"),
        behaviour=raw("report.js"),
        bokeh=Markup(embedding.script()) if drawn else None,  # noqa: S704  (a library's own code)
        content=_embeddable({"charts": embedding.embedded(drawn), "planes": planes}),
    )
