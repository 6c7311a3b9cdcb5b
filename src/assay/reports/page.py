"""The page of a report: what a configuration's document and figures say, in the order in which it is read."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from assay.documents import Document, TrainedDocument
from assay.documents.explained import explained, gate_condition, why_not_promoted
from assay.engine.glossary import MEASURES
from assay.lazy import lazy
from assay.reports import evidence_words
from assay.reports.power import usual_sentence
from assay.training.circuit_breakers import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bokeh.models import Plot

    from assay.documents.sections.base import Measures
    from assay.documents.sections.common import CircuitBreakers, Gate
    from assay.documents.sections.evidence import AmbiguityInterval, Ends, Funnel
    from assay.documents.sections.validation import Matrix
    from assay.reports import charts, embedding, score_map
else:  # Bokeh, for what is drawn
    charts, score_map = lazy("assay.reports.charts"), lazy("assay.reports.score_map")
    embedding = lazy("assay.reports.embedding")

UNKNOWN = "unknown"

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

_UNITS = {"%": " %", "R": " R", "bars": " bars", "days": " days", "bps": " bps", "quote currency": ""}
_TRADES = {
    "entry_time": "entry",
    "exit_time": "exit",
    "side": "side",
    "entry": "entry price",
    "stop": "stop",
    "target": "target",
    "exit": "exit price",
    "size": "size",
    "return": "net return",
    "R": "R",
    "reason": "reason",
    "ambiguous": "ambiguous",
    "window": "window",
}
_FORMS = {"size": "{:.4f}", "return": "{:+.3%}", "R": "{:+.2f}"}


_FUNNEL_ENDS = ("pattern", "sent", "filled")
_PROVENANCE = ("experiment_digest", "data_digest", "engine_hash", "code_version", "seed", "trials")


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


def gate_rows(gates: Sequence[Gate]) -> list[dict[str, Any]]:
    """Return what is said of each gate: what was measured, what is asked, and the cheapest next step."""
    return [
        gate.by_key()
        | {
            "name": gate_condition(gate.name),
            "next_step": explained(gate.next_step),
            "measured": yes_no(bool(gate.value)) if gate.is_switch else text(gate.value),
            "asked": "yes" if gate.is_switch else f"{gate.limit:g}",
            "margin": "" if gate.is_switch else text(gate.margin, "{:+.4g}"),
        }
        for gate in gates
    ]


def _beside(document: Document) -> tuple[Measures, Mapping[str, Ends]]:
    """Return what stands beside the measures: those in sample, and intervals; both empty without evidence."""
    if not isinstance(document, TrainedDocument):
        return {}, {}
    return document.validation.in_sample, document.evidence.intervals


def tile_rows(document: Document) -> list[dict[str, str]]:
    """Return the measures that a reader looks at first, with interval, value in sample and meaning."""
    sample, intervals = _beside(document)
    return [
        {
            "label": label,
            "value": text(document.measures.get(name), form),
            "sample": text(sample[name], form) if name in sample else "",
            "interval": _interval(intervals.get(name), form),
            "meaning": MEASURES[name].meaning,
        }
        for name, label, form in TILES
    ]


def _interval(ends: Sequence[float | None] | None, form: str) -> str:
    return "" if not ends else f"{text(ends[0], form)} to {text(ends[1], form)}"


def measure_rows(document: Document) -> list[dict[str, str]]:
    """Return every measure with interval, value in sample and meaning."""
    sample, intervals = _beside(document)
    return [
        {
            "name": name,
            "value": measured(name, value),
            "sample": measured(name, sample[name]) if name in sample else "",
            "interval": " to ".join(measured(name, v) for v in intervals.get(name) or ()),
            "meaning": MEASURES[name].meaning if name in MEASURES else "",
        }
        for name, value in document.measures.items()
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


def matrix_rows(matrix: Matrix) -> dict[str, Any]:
    """Return the Sharpe ratio by length of train and test windows, each with how strongly to colour it."""
    known = [abs(v) for row in matrix.sharpe for v in row if v is not None]
    most = max(known, default=0.0) or 1.0
    rows = []
    for i, days in enumerate(matrix.train_days):
        cells = []
        for j, sharpe in enumerate(matrix.sharpe[i]):
            cells.append(
                {
                    "sharpe": text(sharpe, "{:.2f}"),
                    "profit": text(matrix.net_profit_pct[i][j], "{:+.1f} %"),
                    "windows": text(matrix.windows[i][j], "{:d}"),
                    "strength": 0 if sharpe is None else round(45 * abs(sharpe) / most),
                    "good": sharpe is not None and sharpe > 0,
                }
            )
        rows.append((days, cells))
    return {"test_days": matrix.test_days, "rows": rows}


def _funnel(funnel: Funnel) -> list[tuple[str, int, int]]:
    """Return the stages from the pattern on that lose anything, and the last two: name, left, lost."""
    found: list[tuple[str, int, int]] = []
    before = None
    for stage in funnel.stages:
        lost = 0 if before is None else before - stage.passed
        before = stage.passed
        if lost or stage.alone is not None or stage.name in _FUNNEL_ENDS:
            found.append((stage.name, stage.passed, lost))
    first = next((i for i, (name, _, _) in enumerate(found) if name == "pattern"), 0)
    return found[first:]


def _start_ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def _charts_of_document(document: TrainedDocument) -> dict[str, Plot]:
    """Return the charts that need no figures, by the name of their place."""
    drawn: dict[str, Plot] = {}
    evidence, rows = document.evidence, document.validation.windows
    if rows:
        drawn["windows"] = charts.windows(rows, [_start_ms(row.test_from) for row in rows])
    real, maxima = evidence.permutation.statistic, [m for m in evidence.permutation.maxima if m is not None]
    if maxima and real is not None:
        drawn["permutations"] = charts.permutations(maxima, real)
    if evidence.fragility:
        changes = [(f.change, f.net_profit_pct) for f in evidence.fragility]
        drawn["fragility"] = charts.fragility([("as measured", document.metrics.net_profit_pct), *changes])
    if evidence.funnel is not None and (stages := _funnel(evidence.funnel)):
        drawn["funnel"] = charts.funnel([(explained(name), passed, lost) for name, passed, lost in stages])
    return drawn


def _charts_of_figures(figures: Figures) -> tuple[dict[str, Plot], list[dict[str, Any]]]:
    """Return the charts of figures, by the name of their place, and the planes of the score map."""
    drawn: dict[str, Plot] = {}
    planes: list[dict[str, Any]] = []
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


def _limits(breakers: CircuitBreakers) -> dict[str, str]:
    return {name: f"{value:g} {MEANINGS[name][0]}" for name, value in breakers.by_key().items()}


def _provenance(document: Document) -> list[tuple[str, str]]:
    """Return where a document comes from, as names and values."""
    known = document.provenance.by_key()
    return [(name.replace("_", " "), plainly(known[name])) for name in _PROVENANCE if name in known]


def _words(document: TrainedDocument) -> dict[str, Any]:
    """Return what is said of the market, of what else was tried, and of comparable bars; empty where it is unknown."""
    market, campaign = document.evidence.market, document.evidence.campaign
    return {
        "market": evidence_words.market_rows(document),
        "alpha": evidence_words.ALPHA,
        "lean": "" if market is None else evidence_words.lean_sentence(market),
        "campaign": evidence_words.campaign_rows(document),
        "no_ledger": evidence_words.NO_LEDGER,
        "declared": "" if campaign is None else evidence_words.declared_sentence(campaign),
        "comparability": evidence_words.comparability_line(document),
        "searched": evidence_words.SEARCHED,
    }


def _ambiguity(document: TrainedDocument, figures: Figures | None) -> AmbiguityInterval | Mapping[str, Any] | None:
    """Return the interval of ambiguous trades: where finer bars were looked into, they say more than the document."""
    inside: Mapping[str, Any] | None = None if figures is None else figures.get("ambiguity")
    return inside or document.evidence.ambiguity


def _embeddable(value: Any) -> Markup:
    """Return JSON that no name inside it can end the script of."""
    content = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        content = content.replace(character, f"\\u{ord(character):04x}")
    return Markup(content)  # noqa: S704  (what could be markup is escaped above)


@cache
def _environment() -> Environment:
    """Return what renders the templates; one for all pages of a process, since they are compiled with it."""
    environment = Environment(
        loader=PackageLoader("assay.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "text": text,
        "explained": explained,
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
    d, f = Document.of(document), None if figures is None else dict(figures)
    trained = d if isinstance(d, TrainedDocument) else None
    drawn = {} if trained is None else _charts_of_document(trained)
    more, planes = ({}, []) if f is None else _charts_of_figures(f)
    drawn |= more
    environment = _environment()

    def raw(name: str) -> Markup:
        source, _, _ = environment.loader.get_source(environment, name)  # type: ignore[union-attr]
        return Markup(source)  # noqa: S704  (the package's own file)

    return environment.get_template("report.html").render(
        d=d,
        figures=f,
        e=None if trained is None else trained.evidence,
        v=None if trained is None else trained.validation,
        intervals=None if trained is None else trained.evidence.intervals,
        provenance=_provenance(d),
        words=None if trained is None else _words(trained),
        usual=usual_sentence(d),
        why=why_not_promoted(d),
        ambiguity=None if trained is None else _ambiguity(trained, f),
        gates=gate_rows(d.lifecycle.gates),
        tiles=tile_rows(d),
        measures=measure_rows(d),
        matrix=None if trained is None or trained.validation.matrix is None else matrix_rows(trained.validation.matrix),
        trades=_trades(f),
        limits=_limits(d.circuit_breakers),
        charts=drawn,
        planes=planes,
        style=raw("report.css"),
        behaviour=raw("report.js"),
        bokeh=Markup(embedding.script()) if drawn else None,  # noqa: S704  (a library's own code)
        content=_embeddable({"charts": embedding.embedded(drawn), "planes": planes}),
    )
