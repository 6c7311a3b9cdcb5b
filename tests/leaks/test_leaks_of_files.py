"""Strategies from files, as users write them: what the laboratory must see in them, and what it must not accuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.errors import InputError, LeakError, StrategyError
from assay.evaluation import backtest
from assay.leaks import CHECKS, LeakReport, NotRun, inspect_strategy
from assay.search import parse_space
from assay.sources.clean_passes import StoredPasses
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.sources.user_strategy import load_strategy
from assay.training import Experiment
from assay.training.leak_gate import refuse_unless_clean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assay.market import Bars
    from assay.strategies import Strategy

    Written = Callable[..., Strategy]

FILE = '''
import functools
import numpy as np
from assay import Bracket, Parameter, Parameters, Setups, Strategy, at_least, atr

{above}

def shifted(values, by):
    return values[np.clip(np.arange(len(values)) - by, 0, len(values) - 1)]


class Mine(Strategy):
    """Goes with the move of three bars."""

    name = "MINE"
    parameters = Parameters(
        Parameter(name="strength", default=0.5, low=0.0, high=3.0, grid=(0.25, 1.0), doc="Of the move."),
        Parameter(name="stop", default=2.0, low=1.0, high=4.0, grid=(1.5, 3.0), doc="Stop in ATR."),
        {parameters}
    )
    rules = (at_least("strength", "strength"),)
    bracket = Bracket(stop="stop", target=1.5, max_bars=12)
    {inside}

    def warmup(self, shape):
        return 30

    def setups(self, bars, side, shape):
        unit = atr(bars)
        t = np.flatnonzero(unit > 0)
        move = side * (bars.close - shifted(bars.close, 3)) / unit
        {then}
        return Setups.build(bar=t, side=np.full(len(t), side), features={{"strength": move[t]}}, stop_unit=unit[t])
'''


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Write a strategy with something more in it, and load it."""

    def write(then: str = "", *, above: str = "", inside: str = "", parameters: str = "") -> Strategy:
        path = tmp_path / "mine.py"
        path.write_text(FILE.format(then=then, above=above, inside=inside, parameters=parameters))
        return load_strategy(f"{path}:Mine")

    return write


@pytest.fixture(scope="module")
def walk() -> Bars:
    return simulate_market(SimulatedMarket(days=14, seed=4))


@pytest.fixture(scope="module")
def long_walk() -> Bars:
    return simulate_market(SimulatedMarket(days=75, seed=4))  # more bars than the laboratory looks at


def looked(strategy: Strategy, bars: Bars, *names: str) -> LeakReport:
    checks = tuple(check for check in CHECKS if not names or check.name in names)
    return inspect_strategy(strategy, bars, effort=0.05, checks=checks)


KEPT = {
    "a global of a helper": {
        "above": "SCALE = None\n\ndef scale_of(x):\n    global SCALE\n"
        "    SCALE = SCALE or float(np.nanstd(x))\n    return SCALE",
        "then": "move = move / scale_of(move)",
    },
    "an object of the class": {
        "above": "class Scaler:\n    std = None\n    def fit(self, x):\n"
        "        self.std = self.std or float(np.nanstd(x))\n        return x / self.std",
        "inside": "scaler = Scaler()",
        "then": "move = self.scaler.fit(move)",
    },
    "a cache without a key": {
        "above": "class Latest:\n    move = None\n\n@functools.lru_cache\ndef scale():\n"
        "    return float(np.nanstd(Latest.move))",
        "then": "Latest.move = move; move = move / scale()",
    },
    "an attribute of the instance": {
        "inside": "scale = None",
        "then": "self.scale = self.scale or float(np.nanstd(move)); move = move / self.scale",
    },
    "a mean volume": {
        "inside": "scale = None",
        "then": "self.scale = self.scale or float(bars.volume.mean()); move = move * bars.volume / self.scale",
    },
}


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("history", ["walk", "long_walk"])
@pytest.mark.parametrize("before", [False, True], ids=["new", "called before"])
def test_whatever_is_kept_is_seen(
    written: Written, kept: str, history: str, before: bool, request: pytest.FixtureRequest
) -> None:
    bars = request.getfixturevalue(history)
    strategy = written(**KEPT[kept])
    if before:
        backtest(strategy, bars, {})
    report = looked(strategy, bars, "purity")
    assert "differs in another instance that saw other bars first" in {f.why for f in report.findings}


def test_random_numbers_of_all_are_seen_whoever_drew_before(written: Written, long_walk: Bars) -> None:
    strategy = written("np.random.seed(0); move = move + np.random.random(len(move)) * 1e-3")
    backtest(strategy, long_walk, {})
    state = repr(np.random.get_state())
    report = looked(strategy, long_walk, "purity")
    assert "numpy's global random numbers" in {f.what for f in report.findings}
    assert repr(np.random.get_state()) == state


def test_bars_that_are_written_to(written: Written, long_walk: Bars) -> None:
    (finding,) = looked(written("bars.close[0] = 1.0"), long_walk, "purity").findings
    assert (finding.what, finding.why) == ("the bars", "are written to")


def test_an_array_of_ones_own_is_no_bar(written: Written, walk: Bars) -> None:
    strategy = written("own = np.broadcast_to(1.0, len(bars)); own[0] = 2.0")
    with pytest.raises(
        StrategyError, match=r"MINE setups, line \d+: raised ValueError: assignment destination is read-"
    ):
        looked(strategy, walk)


def test_matrix_products_round_and_know_nothing(written: Written, walk: Bars) -> None:
    product = "x = np.column_stack([(bars.close - shifted(bars.close, k)) / unit for k in range(1, 9)])"
    strategy = written(f"{product}; move = side * (np.nan_to_num(x) @ np.linspace(0.3, -0.2, 8))")
    report = looked(strategy, walk)
    assert report.findings == ()
    assert report.is_complete


def test_a_leak_in_a_mode_that_is_neither_first_nor_last(written: Written, walk: Bars) -> None:
    mode = 'Parameter(name="mode", default="a", choices=("a", "b", "c"), grid=("a", "b", "c"), doc="How."),'
    lead = 'move = side * (shifted(bars.close, -5) - bars.close) / unit if shape["mode"] == "b" else move'
    report = looked(written(lead, parameters=mode), walk, "truncation")
    (finding,) = report.findings
    assert finding.what == "feature 'strength'"
    assert finding.shape == {"mode": "b"}


def test_predictions_by_date_are_no_answer_under_other_dates(written: Written, walk: Bars) -> None:
    table = "TABLE = {int(d): 1.0 for d in range(19_000, 21_000)}"
    days = "move = move * np.array([TABLE[d] for d in (bars.time // 86_400_000).tolist()])"
    (finding,) = looked(written(days, above=table), walk, "calendar").findings[:1]
    assert finding.sentence == (
        "an answer cannot be had for the same bars under later dates "
        "(raised KeyError: 29950 (on a history of 4,032 bars from 2052-01-01 on))"
    )


def test_a_strategy_that_raises_on_short_histories_is_told_on_which(written: Written, walk: Bars) -> None:
    strategy = written("move = move + 0.0 * bars.close[4_000]")
    with pytest.raises(StrategyError) as caught:
        looked(strategy, walk, "truncation")
    assert "MINE setups, line 32: raised IndexError: index 4000 is out of bounds for axis 0 with size" in str(
        caught.value
    )
    assert "(on a history of" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_is_said_of_a_strategy_without_a_row(written: Written, walk: Bars) -> None:
    report = looked(written("t = t[:0]"), walk)
    assert [a.outcome for a in report.checks[1:]] == [NotRun("the strategy has no row on these bars")] * 5
    assert not report.is_complete


@pytest.mark.parametrize(("options", "told"), [({"seed": -1}, "seed"), ({"effort": 0.0}, "effort")])
def test_what_cannot_be_asked_for_is_refused(
    written: Written, walk: Bars, options: dict[str, float], told: str
) -> None:
    with pytest.raises(InputError, match=f"{told}: must"):
        inspect_strategy(written(), walk, **options)  # type: ignore[arg-type]


def test_a_pass_stands_for_the_file_that_was_read(written: Written, walk: Bars, tmp_path: Path) -> None:
    passes = StoredPasses(tmp_path / "passes")
    bars = walk.head(2_000)
    refuse_unless_clean(Experiment(written()), bars, passes)
    assert len(list((tmp_path / "passes").iterdir())) == 1
    refuse_unless_clean(Experiment(written("move = 1.0 * move")), bars, passes)
    assert len(list((tmp_path / "passes").iterdir())) == 2


def test_a_pass_stands_for_the_modes_that_were_asked(written: Written, walk: Bars, tmp_path: Path) -> None:
    passes = StoredPasses(tmp_path / "passes")
    mode = 'Parameter(name="mode", default="a", choices=("a", "b", "c"), grid=("a", "b", "c"), doc="How."),'
    lead = 'move = side * (shifted(bars.close, -5) - bars.close) / unit if shape["mode"] == "b" else move'
    strategy, bars = written(lead, parameters=mode), walk.head(2_000)
    grid = {name: list(values) for name, values in strategy.default_grid.items()}
    ends = parse_space(grid | {"mode": ["a", "c"]}, strategy.parameters)
    refuse_unless_clean(Experiment(strategy, space=ends), bars, passes)
    with pytest.raises(LeakError, match="feature 'strength'"):
        refuse_unless_clean(Experiment(strategy), bars, passes)
