"""The page of a report: what a configuration's document and figures say, in the order in which it is read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.documents import Document, TrainedDocument
from assay.documents.explained import explained, gate_condition, why_not_promoted
from assay.engine.glossary import MEASURES
from assay.lazy import lazy
from assay.reports import evidence_words
from assay.reports.power import usual_sentence
from assay.reports.rendering import rendered
from assay.reports.run_view import json_file, run_view
from assay.reports.values import measured, plainly, text, yes_no
from assay.training.circuit_breakers import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bokeh.models import Plot

    from assay.documents.sections.base import Measures
    from assay.documents.sections.common import CircuitBreakers, Gate
    from assay.documents.sections.evidence import AmbiguityInterval, Ends, Funnel
    from assay.documents.sections.validation import Matrix
    from assay.reports import charts, score_map
else:  # Bokeh, for what is drawn
    charts, score_map = lazy("assay.reports.charts"), lazy("assay.reports.score_map")

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

_FUNNEL_ENDS = ("pattern", "sent", "filled")
_PROVENANCE = ("experiment_digest", "data_digest", "engine_hash", "code_version", "seed", "trials")


# --- sections


class GateRow(NamedTuple):
    """What is said of a gate: what was measured, what is asked, and the cheapest next step."""

    name: str
    stage: str
    measured: str
    asked: str
    margin: str
    passed: bool
    next_step: str


def gate_rows(gates: Sequence[Gate]) -> list[GateRow]:
    """Return what is said of each gate."""
    return [
        GateRow(
            name=gate_condition(gate.name),
            stage=gate.stage,
            measured=yes_no(bool(gate.value)) if gate.is_switch else text(gate.value),
            asked="yes" if gate.is_switch else f"{gate.limit:g}",
            margin="" if gate.is_switch else text(gate.margin, "{:+.4g}"),
            passed=gate.passed,
            next_step=explained(gate.next_step),
        )
        for gate in gates
    ]


def _beside(document: Document) -> tuple[Measures, Mapping[str, Ends]]:
    """Return what stands beside the measures: those in sample, and intervals; both empty without evidence."""
    if not isinstance(document, TrainedDocument):
        return {}, {}
    return document.validation.in_sample, document.evidence.intervals


class Tile(NamedTuple):
    """A measure that a reader looks at first."""

    label: str
    value: str
    sample: str
    interval: str
    meaning: str


def tile_rows(document: Document) -> list[Tile]:
    """Return the measures that a reader looks at first, with value in sample, interval and meaning."""
    sample, intervals = _beside(document)
    return [
        Tile(
            label=label,
            value=text(document.measures.get(name), form),
            sample=text(sample[name], form) if name in sample else "",
            interval=_interval(intervals.get(name), form),
            meaning=MEASURES[name].meaning,
        )
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
    run = run_view(f, "out of sample")
    drawn = run.charts if trained is None else _charts_of_document(trained) | run.charts
    planes = [] if f is None or not f["map"] else score_map.planes(f["map"])
    if planes:
        drawn["map"] = score_map.chart(planes)
    content = {"planes": planes, "name": d.config_id, "document": json_file(document)}
    return rendered(
        "report.html",
        drawn,
        content | run.content,
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
        limits=_limits(d.circuit_breakers),
        planes=planes,
        **run.shown,
    )
