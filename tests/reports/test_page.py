"""The page of a report: it loads nothing, escapes everything, and says what the document says."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from assay.documents import Document
from assay.documents.explained import explained, gate_condition, why_not_promoted
from assay.documents.performance import performance
from assay.engine.glossary import MEASURES
from assay.reports import backtest_html, html
from assay.reports.charts import histogram
from assay.reports.score_map import planes
from reports.samples import SCRIPT, everything, page_of, sample

FIRST_RELEASE = Path(__file__).parents[1] / "compatibility" / "documents"
ALWAYS = {"verdict", "measures", "parameters", "provenance"}
PROVEN = ALWAYS | {"equity", "windows", "map", "permutations", "fragility", "trades", "window-table", "data", "regime"}
PROVEN |= {"funnel", "breakers", "sizing", "market", "campaign", "returns", "held", "falls"}
GROUPED = {"excursions", "splits"}
STITCHED, TRADED = {"equity", "drawdown", "windows", "funnel"}, {"r", "cumulative", "reasons", "rolling", "candles"}
TRADED |= {"hours", "weekdays", "mae", "mfe", "duration"}
LATER = {"sharpe-statistics", "ambiguity", "matrix"}
RAN: dict[str, Any] = {
    "strategy": SCRIPT,
    "parameters": {"memory": 20},
    "market": {"exchange": "test", "symbol": "BTC/USDT", "timeframe": "1h", "kind": "spot"},
    "span": {"from": "1971-03-18T00:00:00Z", "to": "1971-08-05T00:00:00Z", "bars": 3_360, "days": 140.0},
    "side": "long",
    "costs": {"fee": 0.001},
    "metrics": dict.fromkeys(MEASURES, math.nan) | {"net_profit_pct": 12.5, "total_trades": 132.0},
    "signals": 140,
    "orders": 133,
}
"""What a backtest prints of itself."""
LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "formaction"}


class Page(HTMLParser):
    """Sections, charts, tables and whatever would load something."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.sections: set[str] = set()
        self.charts: set[str] = set()
        self.loads: list[tuple[str, str]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}
        self._open: list[str] = []
        self._section = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("id") or ""
        if tag == "section":
            self.sections.add(name)
            self._section = name
            self.rows[name] = []
        if (given.get("class") or "") == "chart":
            self.charts.add(name.removeprefix("chart-"))
        self.loads += [(tag, k) for k, v in attrs if k in LOADING]
        if tag in ("link", "img", "iframe", "object", "embed", "base", "video", "audio"):
            self.loads.append((tag, ""))
        if tag not in ("meta", "br", "link", "input"):
            self._open.append(tag)
        if tag == "script":
            self.scripts.append("")
        if tag == "tr" and self._section:
            self.rows[self._section].append([])
        if tag in ("td", "th") and self._section:
            self.rows[self._section][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "script":
            self.scripts[-1] += data
        elif inside == "style":
            assert "url(" not in data
            assert "@import" not in data
        else:
            self.words.append(data)
            if {"td", "th"} & set(self._open):
                self.rows[self._section][-1][-1] += data

    @property
    def text(self) -> str:
        """What a reader sees, with single spaces."""
        return re.sub(r"\s+", " ", "".join(self.words))

    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found


@pytest.mark.parametrize(
    ("name", "sections", "charts"),
    [
        ("promoted", PROVEN | GROUPED, STITCHED | TRADED | {"map", "permutations", "fragility"}),
        ("refused", PROVEN, STITCHED | {"map"}),
        ("sampled", PROVEN | GROUPED, STITCHED | TRADED | {"fragility"}),
        ("plain", ALWAYS, set()),
    ],
)
def test_every_section_is_there_and_nothing_is_loaded(name: str, sections: set[str], charts: set[str]) -> None:
    source = page_of(name)
    page = Page(source)
    assert page.sections - {"warnings"} == sections
    assert page.charts == charts
    assert page.loads == []
    assert "default-src 'none'" in source
    assert "{{" not in page.text
    assert "{%" not in page.text
    assert not re.search(r"\b(None(?! of the)|nan|NaN|undefined)\b", page.text)


def test_the_same_arguments_give_the_same_bytes() -> None:
    first = html(*sample("promoted"))
    html(*sample("paper"))  # Bokeh counts its models over the whole process
    assert html(*sample("promoted")) == first


def test_what_could_be_markup_is_text() -> None:
    document, figures = everything()
    source = html(document, figures)
    page = Page(source)
    assert SCRIPT not in source
    assert len(page.scripts) == 3
    assert "<" not in page.scripts[0]
    assert page.text.count(SCRIPT) >= 4
    assert page.content()["planes"][0]["x"] == SCRIPT


def test_what_later_versions_measure_is_shown() -> None:
    document, figures = everything()
    page = Page(html(document, figures))
    assert page.sections == PROVEN | GROUPED | LATER | {"warnings"}
    assert page.rows["sharpe-statistics"][2][:3] == ["PBO", "unknown", "0.2 to 0.8"]
    assert page.rows["sharpe-statistics"][1][2] == ""  # nothing stands beside it
    sharpe = next(row for row in page.rows["measures"] if row[0] == "sharpe_ratio")
    assert sharpe[2] == "1.25 to 7.75"
    assert "95 %: -3.50 % to unknown" in page.text
    assert "Bars of 1m decide 2 of them: unknown" in page.text
    cells = [cell for row in page.rows["matrix"] for cell in row]
    assert [c for c in cells if "-2.22" in c and "-20.5 %" in c and "4 windows" in c]
    assert [c for c in cells if c.startswith("unknown")]


def test_the_first_panel_says_why_and_what_next() -> None:
    document, figures = sample("refused")
    page = Page(html(document, figures))
    life = document["lifecycle"]
    assert f"Why not promoted: {why_not_promoted(Document.of(document))}" in page.text
    assert "at most 0 % of the capital" in page.text
    failed = next(g for g in life["gates"] if g["name"].startswith("out-of-sample Sharpe"))
    row = next(row for row in page.rows["verdict"] if row[0] == gate_condition(failed["name"]))
    assert row[1:] == ["DISCOVERY", "unknown", "0.5", "unknown", "✗ no", failed["next_step"]]
    document, figures = sample("promoted")
    p = next(g for g in document["lifecycle"]["gates"] if g["name"] == "permutation p of at most 0.05")
    row = next(row for row in Page(html(document, figures)).rows["verdict"] if row[0] == gate_condition(p["name"]))
    assert row[2:6] == ["0.025", "0.05", "+0.025", "✓ yes"]  # at most: the margin counts the other way


def test_the_verdict_of_a_users_strategy_names_its_leak_checks() -> None:
    document, figures = sample("promoted")
    assert "No look-ahead was found by the checks purity, truncation, " in Page(html(document, figures)).text
    del document["provenance"]["leak_checks"]
    assert "No look-ahead was found" not in Page(html(document, figures)).text


def test_numbers_are_those_of_the_document() -> None:
    document, _ = sample("promoted")
    page = Page(page_of("promoted"))
    metrics = document["metrics"]
    for shown in (f"{metrics['net_profit_pct']:+.2f} %", f"{metrics['sharpe_ratio']:.2f}", f"{metrics['p_value']:.3f}"):
        assert shown in page.text
    assert len(page.rows["trades"]) == 1 + metrics["total_trades"]
    assert len(page.rows["window-table"]) == 1 + document["validation"]["window_count"]
    assert {row[0] for row in page.rows["measures"][1:]} == set(metrics)
    assert len(page.rows["fragility"]) == 1 + len(document["evidence"]["fragility"])


def test_what_the_run_says_in_numbers_is_on_the_page() -> None:
    document, figures = sample("promoted")
    assert figures is not None
    page, found = Page(page_of("promoted")), performance(figures)
    (year,) = found.years
    assert (
        page.rows["returns"][1][-2] == f"{year.return_pct:+.2f} %" == f"{document['metrics']['net_profit_pct']:+.2f} %"
    )
    months = [cell.rstrip("*") for cell in page.rows["returns"][1][1:13]]
    assert months == ["" if math.isnan(v) else f"{v:+.1f}" for v in year.months_pct]
    run, held = found.paths[0].measures, found.paths[1].measures
    values = {row[0]: row[1:3] for row in page.rows["held"]}
    assert values["Sharpe ratio"] == [f"{run.sharpe_ratio:.2f}", f"{held.sharpe_ratio:.2f}"]
    assert values["Sharpe ratio"][0] == f"{document['metrics']['sharpe_ratio']:.2f}"
    assert values["net profit"][1] == f"{document['evidence']['market']['market_pct']:+.2f} %"
    told = [[f"{f.depth_pct:.2f} %", f.begin, f.bottom, f.recovery or "not yet", str(f.days)] for f in found.falls]
    assert page.rows["falls"][1:] == told
    groups = {row[0]: row[1:4] for row in page.rows["splits"]}
    for split in found.splits:
        for group in split.groups:
            shown = [f"{group.trades}", f"{100 * group.win_rate:.1f} %", f"{group.mean_r:+.2f}"]
            assert groups.get(group.name, shown) == shown
            assert (group.name in groups) == (group.trades > 0)
    last = [row[-3:] for row in page.rows["trades"][1:]]
    drawn = figures["excursions"]
    rows = zip(drawn["mae_r"], drawn["mfe_r"], drawn["bars"], strict=True)
    assert last == [[f"{mae:.2f}", f"{mfe:.2f}", str(bars)] for mae, mfe, bars in rows]


def test_figures_of_an_earlier_version_say_what_they_do_not_know() -> None:
    document, figures = sample("promoted")
    assert figures is not None
    before = {k: v for k, v in figures.items() if k not in ("candles", "excursions")}
    page = Page(html(document, before))
    assert not page.charts & {"candles", "mae", "mfe", "duration"}
    assert {"rolling", "hours", "r"} <= page.charts
    assert "Candles around the trades are unknown" in page.text
    assert "MAE, MFE and duration in bars are unknown" in page.text
    assert page.rows["trades"][0][-1] == "window"


def test_the_document_inside_is_the_file_that_a_training_writes() -> None:
    for name in ("promoted", "plain"):
        document, figures = sample(name)
        inside = Page(html(document, figures)).content()
        assert inside["document"] == json.dumps(document, indent=2, allow_nan=False) + "\n"
        assert "trades" in inside or figures is None


def test_a_backtest_says_that_it_is_no_evidence() -> None:
    _, figures = sample("promoted")
    assert figures is not None
    page = Page(backtest_html(RAN, figures, version="1"))
    assert "A backtest, no evidence" in page.text
    assert "Nothing here was tested" in page.text
    assert page.charts == TRADED | {"equity", "drawdown"}
    assert page.loads == []
    assert page.sections == {"verdict", "equity", "returns", "held", "falls", "trades", "measures", "parameters"} | {
        "terms",
        *GROUPED,
    }
    assert json.loads(page.content()["document"])["parameters"] == RAN["parameters"]
    assert SCRIPT in page.text


def test_the_funnel_and_what_ifs_are_those_of_the_document() -> None:
    document, _ = sample("promoted")
    evidence, page = document["evidence"], Page(page_of("promoted"))
    assert explained(evidence["funnel"]["sentence"]) in page.text
    (drawn,) = (s for s in sources(page) if {"passed", "lost"} <= s.keys())
    stages = {explained(stage["name"]): stage["passed"] for stage in evidence["funnel"]["stages"]}
    assert {name: stages[name] for name in drawn["name"]} == dict(zip(drawn["name"], drawn["passed"], strict=True))
    assert drawn["name"][-1] == "pattern"
    assert drawn["passed"][0] + sum(drawn["lost"][:-1]) == stages["pattern"]
    assert len(page.rows["breakers"]) == 1 + 8
    assert page.rows["breakers"][2][:2] == ["max daily loss pct", "3 %"]
    assert [row[0] for row in page.rows["sizing"][1:]] == [run["name"] for run in evidence["sizing"]]
    assert page.rows["sizing"][3][0].startswith("half Kelly")
    below, _ = sample("paper")
    assert "shown for MATURE configurations only" in Page(html(below)).text


def test_what_finer_bars_say_is_shown_where_somebody_looked() -> None:
    document, figures = sample("promoted")
    assert figures is not None
    inside = {
        "trades": 2, "pessimistic_net_profit_pct": 1.25, "optimistic_net_profit_pct": 3.5, "resolved": 2,
        "resolved_net_profit_pct": 2.75, "finer_timeframe": "1m",
    }  # fmt: skip
    document["evidence"]["ambiguity"] = inside | {"resolved": None, "finer_timeframe": None}
    assert "Only finer bars of the market could tell which came first." in Page(html(document, figures)).text
    shown = Page(html(document, figures | {"ambiguity": inside})).text
    assert "Bars of 1m decide 2 of them: +2.75 %" in shown


def test_the_run_stands_beside_its_market() -> None:
    document, figures = sample("promoted")
    market = document["evidence"]["market"]
    page = Page(html(document, figures))
    values = dict(row for row in page.rows["market"][1:])
    assert values["the market, bought and held over these days"] == f"{market['market_pct']:+.2f} %"
    assert values["this configuration"] == f"{document['metrics']['net_profit_pct']:+.2f} %"
    assert values["alpha a year"] == f"{market['alpha_pct']:+.2f} %"
    assert values["t of alpha"] == f"{market['t']:.2f}"
    (same,) = (name for name in values if name.startswith("the market, held with the mean position"))
    assert values[same] == f"{market['same_exposure_pct']:+.2f} %"
    assert "so alpha decides too: its t must be at least 1.645" in page.text
    assert "the dashed line is the market" in page.text
    assert figures is not None
    (worth,) = (s["worth"] for s in sources(page) if "worth" in s)
    assert worth[-1] == pytest.approx(market["same_exposure_pct"], abs=1e-6)
    del figures["stitched"]["same_exposure"]  # as reports were stored before
    assert "the dashed line is the market" not in Page(html(document, figures)).text


def test_what_else_was_tried_is_told() -> None:
    document, figures = sample("promoted")
    assert document["evidence"]["campaign"] is None
    assert "no ledger was asked" in Page(html(document, figures)).text
    document, figures = everything()
    page = Page(html(document, figures))
    values = dict(row for row in page.rows["campaign"][1:])
    assert values["other experiments on these days"] == "19"
    assert values["p with all that was tried"] == "0.043"
    assert values["ledger"] == "a-ledger"
    assert f'Declared before it was run, 2026-01-02 03:04 UTC: "{SCRIPT}".' in page.text
    assert "p says nothing here: the winner's pattern occurs 13,535 times" in page.text


@pytest.mark.parametrize("path", sorted(FIRST_RELEASE.glob("*.json")), ids=lambda path: path.stem[:20])
def test_a_document_of_the_first_release_says_nothing_of_what_it_does_not_know(path: Path) -> None:
    document = json.loads(path.read_text())
    page = Page(html(document))
    assert "verdict" in page.sections
    assert not page.sections & {"market", "campaign"}
    assert "ledger was asked" not in page.text


def test_a_probability_says_which_days_it_is_about() -> None:
    page = Page(page_of("promoted"))
    assert "p is about the days that were searched (in sample)." in page.text
    assert "made from the days that were searched (in sample), found as much" in page.text
    assert "by the days out of sample" in page.text


def test_without_figures_the_page_says_so_and_shows_the_rest() -> None:
    document, _ = sample("promoted")
    page = Page(html(document))
    assert page.charts == {"windows", "permutations", "fragility", "funnel"}
    for what in ("Daily equity and drawdown are", "The scores around the winner are", "The trades are"):
        assert f"{what} unknown: this configuration was stored without figures." in page.text


def sources(page: Page) -> list[dict[str, list[Any]]]:
    """Columns of every data source of the charts, in order."""
    found = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("name") == "ColumnDataSource" and value.get("type") == "object":
                found.append(dict(value["attributes"]["data"]["entries"]))
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(page.content()["charts"])
    return found


def test_the_histogram_counts_every_permutation() -> None:
    document, _ = sample("paper")
    test = document["evidence"]["permutation"]
    (bars,) = (s for s in sources(Page(html(document, None))) if {"left", "count"} <= s.keys())
    assert sum(bars["count"]) == test["done"] == 3
    beyond = [n for n, left in zip(bars["count"], bars["left"], strict=True) if left >= test["statistic"]]
    assert sum(beyond) == test["as_good_or_better"]


@pytest.mark.parametrize(
    ("values", "around"),
    [([0.0, 1.0, 2.5, 2.5, -3.0], 1.0), ([7.0], 7.0), ([0.1 * i for i in range(50)], 0.3), ([1.0, 1.0], -4.0)],
)
def test_a_histogram_loses_nothing_and_splits_where_it_is_told(values: list[float], around: float) -> None:
    counts, edges = histogram(values, around)
    assert len(edges) == len(counts) + 1
    assert around in edges
    assert sum(counts) == len(values)
    assert sum(n for n, left in zip(counts, edges, strict=False) if left >= around) == sum(v >= around for v in values)
    assert edges[0] <= min(values) + 1e-9
    assert edges[-1] >= max(values) - 1e-9


def test_what_is_unknown_is_not_drawn_at_zero() -> None:
    document, figures = sample("refused")
    nan = {"type": "number", "value": "nan"}
    (windows,) = (s for s in sources(Page(html(document, figures))) if "train" in s)
    assert windows["test"] == windows["train"] == [nan] * document["validation"]["window_count"]
    document, _ = sample("promoted")
    document["evidence"]["fragility"][0]["net_profit_pct"] = None
    page = Page(html(document))
    (bars,) = (s for s in sources(page) if "name" in s and "value" in s)
    assert bars["value"][bars["name"].index(document["evidence"]["fragility"][0]["change"])] == nan
    assert page.rows["fragility"][1][1] == "unknown"


def test_a_refused_point_has_no_score() -> None:
    axes = [{"name": "a", "values": [1, 2]}, {"name": "b", "values": [0.1, 0.2]}]
    plane = {"x": "a", "y": "b", "scores": [[-5.0, -6.5], [1.0, 2.0]]}
    (drawn,) = planes({"axes": axes, "at": {"a": 1, "b": 1}, "candidate": True, "planes": [plane]})
    assert drawn["cells"]["score"] == [None, -6.5, 1.0, 2.0]
    assert drawn["cells"]["label"] == ["few", "-6.50", "1.00", "2.00"]
    assert list(zip(drawn["cells"]["x"], drawn["cells"]["y"], strict=True))[1] == ("2", "0.1")
    assert drawn["at"] == {"x": ["2"], "y": ["0.2"]}


def test_a_point_without_a_loss_says_so_and_leaves_the_colours_to_the_others() -> None:
    plane = {"x": "a", "y": None, "scores": [[1.0, 3.7e8, 2.0]]}
    drawn = planes({"axes": [{"name": "a", "values": [1, 2, 3]}], "at": {"a": 1}, "planes": [plane]})
    assert drawn[0]["cells"]["label"] == ["1.00", "no loss", "2.00"]
    assert drawn[0]["cells"]["ink"] == ["#ffffff", "#101418", "#101418"]
