"""A configuration as a Markdown report that a person reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN = (
    ("net_profit_pct", "Net profit", "{:+.2f} %"),
    ("sharpe_ratio", "Sharpe ratio (annual)", "{:.2f}"),
    ("max_drawdown_pct", "Maximum drawdown", "{:.2f} %"),
    ("total_trades", "Trades", "{:d}"),
    ("win_rate", "Win rate, net of costs", "{:.1%}"),
    ("gross_win_rate", "Win rate, before costs", "{:.1%}"),
    ("profit_factor", "Profit factor", "{:.2f}"),
    ("expectancy_pct", "Mean net return of a trade", "{:+.3f} %"),
    ("expectancy_r", "Mean R of a trade", "{:+.3f}"),
    ("avg_win_pct", "Average win", "{:+.2f} %"),
    ("avg_loss_pct", "Average loss", "{:+.2f} %"),
    ("sortino_ratio", "Sortino ratio", "{:.2f}"),
    ("calmar_ratio", "Calmar ratio", "{:.2f}"),
    ("avg_holding_periods", "Mean holding time", "{:.1f} bars"),
    ("exposure", "Time in the market", "{:.1%}"),
    ("fill_rate", "Fill rate", "{:.1%}"),
    ("adverse_selection_score", "Adverse selection", "{:.2f}"),
    ("capped_size_share", "Trades at the size cap", "{:.0%}"),
    ("ambiguous_trades", "Ambiguous trades", "{:d}"),
    ("optimistic_net_profit_pct", "Net profit had ambiguous bars been kind", "{:+.2f} %"),
)


def text(value: Any, form: str = "{:.4g}") -> str:  # noqa: ANN401  (a JSON value)
    """Format a value of a document; None is 'unknown'."""
    return "unknown" if value is None else form.format(value)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(r) + " |" for r in rows),
        "",
    ]


def _verdict(d: dict[str, Any]) -> list[str]:
    life = d["lifecycle"]
    lines = [
        (
            f"**{life['current_stage']}**, confidence {text(life['confidence_score'], '{:.2f}')}, at most "
            f"{life['max_allocation_pct']:g} % of the capital."
        ),
        "",
    ]
    if life["why_not_promoted"]:
        lines += [f"Why not promoted: {life['why_not_promoted']}", ""]
    rows = [(g["name"], text(g["value"]), f"{g['limit']:g}", "yes" if g["passed"] else "**no**") for g in life["gates"]]
    return lines + _table(("gate", "measured", "limit", "passed"), rows)


def _windows(d: dict[str, Any]) -> list[str]:
    rows = [
        (
            f"{w['test_from'][:10]} to {w['test_to'][:10]}",
            text(w["train"].get("sharpe_ratio"), "{:.2f}"),
            text(w["test"].get("sharpe_ratio"), "{:.2f}"),
            text(w["test"].get("net_profit_pct"), "{:+.2f} %"),
            text(w["test"].get("total_trades"), "{:d}"),
        )
        for w in d["validation"]["windows"]
    ]
    return _table(("test window", "train Sharpe", "test Sharpe", "test net profit", "trades"), rows)


def _lengths(d: dict[str, Any]) -> list[str]:
    matrix = d["validation"]["matrix"]
    if matrix is None:
        return []
    head = ("train days", *(f"test {days:g} days" for days in matrix["test_days"]))
    rows = [
        (f"{days:g}", *(f"{text(s, '{:.2f}')} ({text(p, '{:+.2f} %')})" for s, p in zip(sharpe, profit, strict=True)))
        for days, sharpe, profit in zip(matrix["train_days"], matrix["sharpe"], matrix["net_profit_pct"], strict=True)
    ]
    return [
        "## Other window lengths",
        "",
        (
            "Sharpe ratio and net profit of the whole walk-forward under other lengths; unknown where 3 windows do not "
            "fit. Shown, never a gate: each cell is one more look at the same days."
        ),
        "",
        *_table(head, rows),
    ]


def _luck(d: dict[str, Any]) -> list[str]:
    search, p = d["evidence"]["search"], d["evidence"]["permutation"]
    sample = d["validation"]["in_sample"].get("sharpe_ratio")
    lines = [
        f"- {search['combinations']:,} combinations were tried ({d['evidence']['trials_counted']}).",
        (
            f"- Best in-sample Sharpe {text(sample, '{:.2f}')}; out of sample "
            f"{text(d['metrics']['sharpe_ratio'], '{:.2f}')}."
        ),
    ]
    if p["done"]:
        early = " (stopped early: luck is shown)" if p["stopped_early"] else ""
        lines.append(
            f"- Permutation test: {p['as_good_or_better']} of {p['done']} searches on bars without direction found "
            f"as much{early}; p = {text(p['p_value'], '{:.3f}')}. It means: {p['meaning']}."
        )
    else:
        lines.append("- Permutation test: not run, p is unknown.")
    lines.append(
        f"- Probability that the true Sharpe ratio is above 0: {text(d['evidence']['probabilistic_sharpe'], '{:.3f}')} "
        f"({d['evidence']['sharpe_convention']})."
    )
    around = d["evidence"]["neighbourhood"]
    if around:
        lines.append(
            f"- Median score (the objective, penalised below 30 trades) of the winner's neighbours "
            f"{text(around['median'], '{:.2f}')} against its own "
            f"{text(search['best_score'], '{:.2f}')}; {around['refused']} refused for too few trades."
        )
    return [*lines, ""]


def markdown(document: dict[str, Any]) -> str:
    """Return the report of a V3 document; every number is the document's own."""
    d = document
    c, m, v, q = d["context"], d["metrics"], d["validation"], d["provenance"]["quality"]
    holdout = v["holdout"]
    sealed = "opened" if holdout["opened"] else "sealed: it is opened only when all other gates of MATURE hold"
    parts = [
        f"# {d['configId']}",
        "",
        (
            f"{d['strategy']} on {c['pair']} {c['timeframe']} ({c['exchange']}), {c['side']} side(s), "
            f"{c['from'][:10]} to {c['to'][:10]}."
        ),
        "",
        "## Verdict",
        "",
        *_verdict(d),
        "## Out of sample",
        "",
        (
            f"Stitched test days of {v['window_count']} windows ({v['mode']}, train {v['train_window_days']:.0f} days, "
            f"gap {v['gap_days']:.2f}, test {v['test_window_days']:.0f}), searched again in each."
        ),
        "",
        *_table(("measure", "value"), [(label, text(m.get(k), f)) for k, label, f in _SHOWN]),
        *_windows(d),
        f"Holdout (last {holdout['share']:.0%} of the bars): {sealed}.",
        "",
        *_lengths(d),
        "## Luck",
        "",
        *_luck(d),
        "## Fragility",
        "",
        *_table(
            ("change", "net profit", "holds", "gate"),
            [
                (f["change"], text(f["net_profit_pct"], "{:+.2f} %"), "yes" if f["holds"] else "**no**",
                 "yes" if f["gate"] else "shown")
                for f in d["evidence"]["fragility"]
            ],
        ),
        "## Parameters",
        "",
        *_table(("parameter", "value"), [(k, str(x)) for k, x in d["parameters"].items()]),
        "## Data",
        "",
        (
            f"{q['valid']:,} of {q['expected']:,} expected bars are valid ({q['valid_pct']:.1f} %): "
            f"{q['absent']:,} absent, {q['zero_volume']:,} without volume, {q['flat']:,} flat, "
            f"{q['stale']:,} stale, {q['outlier']:,} outliers."
        ),
        "",
    ]  # fmt: skip
    warnings = [*d["evidence"]["warnings"], *(f"sign of overfitting: {f}" for f in v["overfitting_flags"])]
    if warnings:
        parts += ["## Warnings", "", *(f"- {w}" for w in warnings), ""]
    parts += [
        f"Experiment {d['provenance']['experiment_digest'][:12]}, data {d['provenance']['data_digest'][:12]}.",
        "",
    ]
    return "\n".join(parts)
