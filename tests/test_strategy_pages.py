"""Every strategy has its page: tables of the registry, defined rules, pictures and rates that the bars give today."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from documentation.__main__ import ROOT
from documentation.candles import Box, Line, Note, Picture, Scale, Tag, round_step, spread, svg
from documentation.examples import clearest, examples, outcome, picture, when
from documentation.strategies.liquidity_sweep import clusters, swept
from documentation.strategy_pages import filled, new_page, pages
from documentation.strategy_rates import rate
from documentation.strategy_tables import grid_sizes, page_name, parameter_table, rule_list

from assay.engine import Bracket, Setups, at_least
from assay.errors import StrategyError
from assay.indicators import atr, volume_ratio
from assay.parameters import Parameter, Parameters
from assay.strategies import STRATEGIES, Strategy, liquidity_sweep
from assay.testing.markets import cut
from strategies.markets import LIQUID, load, simulated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.market import Bars
    from assay.parameters import Value

DOCS = ROOT / "docs" / "strategies"
ALL = [pytest.param(kind(), id=name) for name, kind in STRATEGIES.items()]
PICTURES = sorted(DOCS.glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"


class Rising(Strategy):
    """A bar with a large body."""

    name = "RISING_BODY"
    parameters = Parameters(
        Parameter(name="strength", default=1.0, low=0.5, high=3.0, grid=(0.5, 1.0), unit="ATR", doc="Body, at least."),
        Parameter(name="stop", default=2.0, low=1.0, high=4.0, step=0.5, grid=(1.0, 2.0, 3.0), doc="Stop."),
        Parameter(name="both", default=False, choices=(False, True), doc="Sell falls too."),
    )
    rules = (at_least("body", "strength"),)
    bracket = Bracket(stop="stop", target=2.0, max_bars=20)

    def constraint(self, values: Mapping[str, Value]) -> str | None:
        return "senseless" if values["strength"] == 0.5 and values["stop"] == 3.0 else None

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        del shape
        t = np.arange(40, len(bars) - 60)
        body = side * (bars.close - bars.open)[t]
        return Setups.build(bar=t, side=np.full(len(t), side), features={"body": body}, stop_unit=np.full(len(t), 0.3))


# --- pages


def test_no_page_is_stale() -> None:
    made = pages(DOCS, [kind() for kind in STRATEGIES.values()])
    assert set(made) == set(DOCS.glob("*.md"))
    for path, text in made.items():
        assert path.read_text() == text, f"{path.name} is stale: run `make docs`"


def test_a_new_strategy_gets_a_page_and_a_row(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text((DOCS / "README.md").read_text())
    made = pages(tmp_path, [Rising()])
    assert set(made) == {tmp_path / "README.md", tmp_path / "rising-body.md"}
    assert "| [RISING_BODY](rising-body.md) | A bar with a large body. | 3 | 5 |" in made[tmp_path / "README.md"]
    page = made[tmp_path / "rising-body.md"]
    assert page.startswith("# RISING_BODY\n")
    assert "| `strength` | 1 | 0.5 to 3 | 0.5 to 3 | 0.5, 1 | ATR | threshold | Body, at least. |" in page
    assert "| `stop` | 2 | 1 to 4, step 0.5 | 1 to 4 | 1, 2, 3 | - | exit | Stop. |" in page
    assert "| `both` | false | false, true | the choices | false | - | shape | Sell falls too. |" in page
    assert "6 combinations, of which 5 make sense" in page
    assert "body >= strength [1]" in page
    assert "  stop: stop [2] units away" in page


def test_a_page_without_its_marks_is_refused() -> None:
    page = new_page(Rising()).replace("<!-- rates: end -->", "")
    with pytest.raises(StrategyError, match="rates: end"):
        filled(page, {"rates": "none"}, "rising-body.md")


@pytest.mark.parametrize("strategy", ALL)
def test_prose_defines_every_feature_and_names_every_parameter(strategy: Strategy) -> None:
    page = (DOCS / page_name(strategy.name)).read_text()
    prose = re.sub(r"<!-- (\w+): begin -->.*?<!-- \1: end -->", "", page, flags=re.DOTALL)
    features = {
        rule.feature
        for entry in strategy.rules
        for rule in ([entry] if hasattr(entry, "feature") else [r for _, r in entry.conditions])
    }
    for name in (*features, *strategy.parameters.names):
        assert f"`{name}`" in prose, name


def test_grids_are_counted() -> None:
    # 18,432 and 23,328 are the sizes of the default grids as they were designed.
    assert grid_sizes(STRATEGIES["LIQUIDITY_SWEEP"]()) == (18_432, 18_432)
    assert grid_sizes(STRATEGIES["CAPITULATION_REVERSAL"]()) == (23_328, 23_328)
    # target_mode range_high leaves one of three risk_reward_ratio: 15,552 x (1 + 1/3) / 2
    assert grid_sizes(STRATEGIES["FAILED_BREAKDOWN"]()) == (15_552, 10_368)


def test_a_mode_is_not_given_a_number() -> None:
    assert "reach panic_score_minimum [0.6]:" in rule_list(STRATEGIES["CAPITULATION_REVERSAL"]())
    assert "(target_mode range_high)" in rule_list(STRATEGIES["FAILED_BREAKDOWN"]())
    assert "refused" in parameter_table(STRATEGIES["LIQUIDITY_SWEEP"]())


# --- pictures


def test_every_strategy_shows_a_trade_that_worked_and_one_that_did_not() -> None:
    stems = [page_name(name).removesuffix(".md") for name in STRATEGIES]
    assert {p.stem for p in PICTURES} == {f"{stem}-{end}" for stem in stems for end in ("won", "lost")}
    for path in PICTURES:
        page = (DOCS / f"{path.stem.rsplit('-', 1)[0]}.md").read_text()
        assert f"({path.name})" in page


def boxes(path: Path) -> list[tuple[str, float, float, float, float]]:
    """Return every text with the rectangle that it takes, letters 0.6 em wide."""
    found = []
    for node in ET.parse(path).iter(f"{SVG}text"):  # noqa: S314  (the project's own file)
        text, x, y = node.text or "", float(node.get("x", "")), float(node.get("y", ""))
        size = 14.0 if node.get("class") == "title" else 12.0
        wide = 0.6 * size * len(text)
        left = x - {"start": 0.0, "middle": 0.5, "end": 1.0}[node.get("text-anchor", "start")] * wide
        found.append((text, left, y - size, left + wide, y + 0.2 * size))
    return found


@pytest.mark.parametrize("path", PICTURES, ids=lambda p: p.stem)
def test_a_picture_is_small_and_stands_alone(path: Path) -> None:
    text = path.read_text()
    assert len(text) < 60_000
    assert "prefers-color-scheme:dark" in text
    for forbidden in ("<script", "href", "url(", "@import", "@font-face"):
        assert forbidden not in text
    root = ET.fromstring(text)  # noqa: S314
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")


@pytest.mark.parametrize("path", PICTURES, ids=lambda p: p.stem)
def test_labels_lie_apart_and_inside(path: Path) -> None:
    wide, high = (float(v) for v in ET.parse(path).getroot().get("viewBox", "").split()[2:])  # noqa: S314
    labels = boxes(path)
    for text, left, top, right, bottom in labels:
        assert left >= 0 <= top, text
        assert right <= wide, text
        assert bottom <= high, text
    for (a, l1, t1, r1, b1), (b, l2, t2, r2, b2) in combinations(labels, 2):
        assert min(r1, r2) <= max(l1, l2) or min(b1, b2) <= max(t1, t2), (a, b)


@pytest.fixture
def plain() -> Picture:
    bars = cut(simulated(3, 300), 100, 190)
    flat = np.full(len(bars), 100.0)
    bars = replace(bars, open=flat, close=flat + 1, low=flat - 1, high=flat + 3, volume=flat, absent=flat < 0)
    return Picture(bars, 0, 89, "a < b", (Tag(99.5, "stop 99.5", "ts"),), flat, width=960, height=540)


def test_prices_times_and_volumes_become_pixels(plain: Picture) -> None:
    # Bars take 960 - 64 - 122 = 774 pixels, 8.6 each. Of 540 - 42 - 30 - 14 = 454 the price has 363.2; 34 are free at
    # each end, so 295.2 pixels are the 4 between 99 and 103.
    scale = Scale.of(plain)
    assert scale.x(0) == pytest.approx(64 + 4.3)
    assert scale.x(89) == pytest.approx(64 + 774 - 4.3)
    assert scale.y(103.0) == pytest.approx(42 + 34)
    assert scale.y(99.0) == pytest.approx(42 + 34 + 295.2)
    assert scale.v(0.0) == 510
    assert scale.v(125.0) == pytest.approx(510 - 90.8)  # a quarter above the loudest bar
    text = svg(plain, "nothing & more")
    assert "a &lt; b" in text
    assert "nothing &amp; more" in text
    # the first candle: wick from 103 to 99, body from 101 to 100, 0.68 x 8.6 wide
    assert "M68.3 76V371.2" in text
    assert "M65.4 223.6h5.8v73.8h-5.8z" in text


def test_marks_are_where_their_prices_are(plain: Picture) -> None:
    marks = (
        Box(10, 11, 99.0, 103.0, "zone"),
        Line(20, (100.0, 100.0, 101.0), "stop"),
        Note(5, 103.0, "top", above=True),
    )
    text = svg(replace(plain, marks=marks), "")
    assert '<rect class="zone" x="150" y="76" width="17.2" height="295.2"/>' in text
    assert 'class="stop" stroke-width="1.6" d="M236 297.4H253.2V223.6H261.8"' in text
    assert ">top</text>" in text


def test_prices_that_are_near_are_moved_apart() -> None:
    assert spread([10.0, 50.0], 15.0) == [10.0, 50.0]
    assert spread([10.0, 12.0], 15.0) == [3.5, 18.5]
    assert spread([10.0, 12.0, 30.0], 15.0) == pytest.approx([7 / 3, 52 / 3, 97 / 3])  # each as little as can be
    assert [round_step(span, 7) for span in (7.0, 7.1, 0.3, 1400.0)] == [1.0, 2.0, 0.05, 200.0]


# --- what the bars say


def test_levels_are_those_of_the_rule() -> None:
    # 100.05 joins 100 (mean 100.025), 100.2 is 0.175 % from that mean and does not.
    found = clusters({7: 100.2, 1: 100.05, 4: 100.0}, 0.001)
    assert found == [(pytest.approx(100.025), [4, 1]), (100.2, [7])]


@pytest.mark.parametrize("seed", range(3))
def test_the_level_of_a_picture_is_that_of_the_strategy(seed: int) -> None:
    bars = simulated(seed, 3000)
    strategy = STRATEGIES["LIQUIDITY_SWEEP"]()
    values = strategy.parameters.defaults | {
        "pierce_depth": 0.0005,
        "volume_spike_threshold": 0.5,
        "min_level_touches": 2,
    }
    unit, ratio = atr(bars), volume_ratio(bars)
    rows = liquidity_sweep._rows(
        bars.open, bars.high, bars.low, bars.close, bars.absent, bars.valid, unit, ratio, 1, 100, 0.001,
        (0.0005, 0.5, 2.0, 0.0),
    )  # fmt: skip
    rows = rows[(rows[:, 3] == 2) & (rows[:, 0] > 200)]
    assert len(rows) > 3
    for t in np.unique(rows[:, 0]).astype(int):
        candidates = rows[rows[:, 0] == t]
        best = candidates[np.lexsort((candidates[:, 8], -candidates[:, 5]))][0]
        sweep, reclaim, price, members = swept(bars, int(t), values)
        assert (sweep, reclaim, len(members)) == (best[1], t - 1, best[5])
        assert price == pytest.approx(best[7], rel=1e-12)


def test_a_strategy_without_anatomy_is_drawn_with_its_trade() -> None:
    example = clearest(Rising(), [simulated(1, 2500)], won=True)
    assert example is not None
    text = svg(picture(example, won=True), outcome(example))
    assert ">exit, +2.0 R<" in text
    assert when(example).startswith("Test BTC/USDT 5m, ")


@pytest.mark.parametrize("strategy", ALL)
def test_pictures_are_of_trades_that_the_engine_made(shared_data: Path, strategy: Strategy) -> None:
    for won in (True, False):
        path = DOCS / f"{page_name(strategy.name).removesuffix('.md')}-{'won' if won else 'lost'}.svg"
        text = path.read_text()
        coin = text.split(" on Binance ")[1].split("/")[0]
        found = examples(strategy, load(shared_data / f"BINANCE_{coin}USDT_5m.parquet"))
        (shown,) = (e for e in found if when(e) in text)
        assert (shown.net_r > 0) == won
        words = re.sub(r"<desc>.*</desc>", "", text)
        assert re.sub(r"<desc>.*</desc>", "", svg(picture(shown, won=won), "")) == words


def test_the_drawn_stop_is_the_one_that_fills(shared_data: Path) -> None:
    bars = load(shared_data / "BINANCE_BTCUSDT_5m.parquet")
    stopped = [e for e in examples(STRATEGIES["SUPPLY_SHOCK"](), bars) if e.reason in {"TRAILING_STOP", "STOP_LOSS"}]
    assert len(stopped) > 50
    for e in stopped:
        assert len(e.trail) == e.exit - e.entry + 1
        assert e.trades.exit_raw[e.i] == min(e.trail[-1], bars.open[e.exit])


@pytest.mark.parametrize("strategy", ALL)
def test_rates_are_those_of_today(shared_data: Path, strategy: Strategy) -> None:
    page = (DOCS / page_name(strategy.name)).read_text()
    found = rate(strategy, load(shared_data / "BINANCEUS_DASHUSD_5m.parquet"))
    assert f"| binanceus DASH/USD | 29,067 | 76.6 | {found.long:.1f} | {found.short:.1f} |" in page
    for coin in LIQUID:
        assert f"| binance {coin}/USDT | 121,736 |" in page
