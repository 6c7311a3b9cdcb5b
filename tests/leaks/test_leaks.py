"""The leak laboratory: what each check sees, what it must not see, and what is remembered."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from assay.engine import Execution, Setups, Side
from assay.errors import LeakError
from assay.indicators import atr
from assay.leaks import CHECKS, LeakReport, Looked, NotRun, compare, direction, inspect_strategy, refuse_leaks
from assay.leaks.compare import Slack, differences
from assay.leaks.isolated_copy import isolated_copies
from assay.leaks.planted import Planted
from assay.leaks.probe import Probe
from assay.market import Bars, Market, Timeframe
from assay.sources import read_bars
from assay.sources.clean_passes import StoredPasses
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.strategies import STRATEGIES
from assay.training import Experiment, leak_gate
from assay.training.leak_gate import refuse_unless_clean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from assay.parameters import Value
    from assay.strategies import Strategy


@pytest.fixture(scope="module")
def walk() -> Bars:
    return simulate_market(SimulatedMarket(days=21, seed=3))


def looked(strategy: Strategy, bars: Bars, *names: str, effort: float = 0.1) -> LeakReport:
    checks = tuple(check for check in CHECKS if not names or check.name in names)
    return inspect_strategy(strategy, bars, effort=effort, checks=checks)


def sentences(report: LeakReport) -> list[str]:
    return [f"{one.what} {one.why}" for one in report.findings]


# what ships is clean


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("market", ["BINANCE_SOLUSDT_5m", "BINANCEUS_PAXGUSD_5m", "BINANCEUS_BTCUSD_5m"])
def test_no_alarm_on_what_ships(shared_data: Path, market: str, name: str) -> None:
    bars = read_bars(shared_data / f"{market}.parquet").head(9_000)
    assert looked(STRATEGIES[name](), bars).findings == ()


def test_a_real_edge_is_no_leak() -> None:
    bars = simulate_market(SimulatedMarket(days=60, seed=1, edge_r=0.8))
    report = looked(STRATEGIES["LIQUIDITY_SWEEP"](), bars, "direction", effort=0.5)
    assert report.is_clean
    assert report.is_complete


# purity


class Restless(Planted):
    """Another answer at every call."""

    def strength(self, bars: Bars, side: int, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        del side, unit
        return np.random.default_rng().random(len(bars))


class GlobalSeed(Planted):
    """The same answer at every call, by setting everybody's random numbers back."""

    def strength(self, bars: Bars, side: int, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        del side, unit
        np.random.seed(1)
        return np.random.random(len(bars))


class Writing(Planted):
    """Cleans the bars in place."""

    def strength(self, bars: Bars, side: int, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        bars.close[0] = 1.0
        return super().strength(bars, side, unit)


class WritingByForce(Planted):
    """Cleans the bars in place, though they say that they are not to be written to."""

    def strength(self, bars: Bars, side: int, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        bars.volume.flags.writeable = True
        bars.volume[0] = 1.0
        return super().strength(bars, side, unit)


class SharedKey(Planted):
    """Shares what is dear under a key that leaves out the side."""

    def strength(self, bars: Bars, side: int, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        return bars.derived("strength", lambda: super(SharedKey, self).strength(bars, side, unit))


class OfTheClass(Planted):
    """Fits a scale once for all instances."""

    scale: ClassVar[float | None] = None

    def strength(self, bars: Bars, side: int, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        kind = type(self)
        kind.scale = kind.scale or float(bars.volume.mean())
        return super().strength(bars, side, unit) / kind.scale


SCALES: dict[str, float] = {}


class OfTheModule(Planted):
    """Fits a scale once for the whole program."""

    def strength(self, bars: Bars, side: int, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        scale = SCALES.setdefault("volume", float((bars.high - bars.low).mean() / bars.close[-1]))
        return super().strength(bars, side, unit) / scale


class LastBars(Planted):
    """Hands the bars over by an attribute, which another thread may set in between."""

    now: Bars

    def strength(self, bars: Bars, side: int, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        self.now = bars
        time.sleep(0.002)
        return super().strength(self.now, side, unit)


class Logging(Planted):
    """Keeps a log: nothing that it says depends on it."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def strength(self, bars: Bars, side: int, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        self.calls.append(len(bars))
        return super().strength(bars, side, unit)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Restless, "feature 'strength' differs between two calls: two calls gave different rows"),
        (GlobalSeed, "numpy's global random numbers are drawn from by a call"),
        (Writing, "the bars are written to"),
        (WritingByForce, "the bars are written to"),
        (SharedKey, "feature 'strength' differs with the order of calls on the same bars"),
        (OfTheModule, "feature 'strength' differs in another instance that saw other bars first"),
        (LastBars, "feature 'strength' differs when other threads ask at the same time"),
    ],
)
def test_what_is_no_function_of_the_bars(walk: Bars, kind: type[Strategy], told: str) -> None:
    report = looked(kind(), walk.head(1_500))
    assert told in sentences(report)
    assert report.caught_by == ("purity",)
    assert not report.is_complete  # nothing else can be compared


def test_a_scale_of_the_class_is_seen_and_left_as_it_was(walk: Bars) -> None:
    report = looked(OfTheClass(), walk, "purity")
    assert "feature 'strength' differs in another instance that saw other bars first" in sentences(report)
    assert OfTheClass.scale == pytest.approx(walk.volume.mean())


def test_a_log_is_no_leak(walk: Bars) -> None:
    strategy = Logging()
    assert looked(strategy, walk.head(1_500), "purity").is_clean
    assert strategy.calls


# history


class Smoothed(Planted):
    """Above an exponential average of 300 bars, whose time constant is 150."""

    bars_of_warmup = 150

    def warmup(self, shape: Mapping[str, Value]) -> int:
        del shape
        return self.bars_of_warmup

    def strength(self, bars: Bars, side: int, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        mean = np.empty(len(bars))
        mean[0] = bars.close[0]
        for i in range(1, len(bars)):
            mean[i] = mean[i - 1] + (bars.close[i] - mean[i - 1]) * 2 / 301
        return np.asarray(side * (bars.close - mean) / unit)


class SmoothedInAHurry(Smoothed):
    """The same, saying that 50 bars are enough."""

    bars_of_warmup = 50


class EverySeventh(Planted):
    """Every seventh bar counted from the first."""

    def moments(self, bars: Bars, side: int) -> NDArray[np.bool_]:
        return np.asarray(super().moments(bars, side) & (np.arange(len(bars)) % 7 == 0))


def test_averages_may_forget_slowly_where_the_warm_up_says_so(walk: Bars) -> None:
    assert looked(Smoothed(), walk, "history").is_clean
    report = looked(SmoothedInAHurry(), walk, "history")
    assert sentences(report) == [
        "feature 'strength' depends on where the history begins, however many bars lie before it"
    ]


def test_the_number_of_a_bar_is_no_signal(walk: Bars) -> None:
    (finding,) = looked(EverySeventh(), walk, "history").findings
    assert finding.what == "the signal itself"
    assert math.isnan(finding.expected)


def test_too_short_a_history_is_said_to_be_too_short(walk: Bars) -> None:
    (answer,) = looked(Planted(), walk.head(900), "history").checks
    assert answer.outcome == NotRun("needs 920 bars with trade (14 warm-ups of 30 and some)")
    assert answer.result == "not run"


# calendar


class OfTheWeek(Planted):
    """Trades on Mondays, in the afternoon and on the last days of February."""

    def moments(self, bars: Bars, side: int) -> NDArray[np.bool_]:
        date = bars.time.astype("datetime64[ms]").astype("datetime64[D]")
        monday = (date.astype(np.int64) + 3) % 7 == 0
        in_month = (date - date.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)
        february = date.astype("datetime64[M]").astype(np.int64) % 12 == 1
        afternoon = bars.time % 86_400_000 >= 43_200_000
        return np.asarray(super().moments(bars, side) & (monday & afternoon | february & (in_month == 28)))


def test_weekdays_hours_and_leap_days_are_no_leak() -> None:
    bars = simulate_market(SimulatedMarket(days=14, start="2024-02-20"))
    (answer,) = looked(OfTheWeek(), bars, "calendar").checks
    assert answer.result == "pass"
    assert answer.outcome == Looked("2,304 rows under two dates")  # 4 questions, 2 half Mondays and a day of 288 bars


# direction


def test_the_same_orders_meet_another_price_level(walk: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    def doubled(bars: Bars, index: int) -> Bars:
        factor = 2.0 if index % 2 else 1.0
        return bars.with_prices(bars.open * factor, bars.high * factor, bars.low * factor, bars.close * factor)

    monkeypatch.setattr(direction, "mirror", doubled)
    subject = Probe(Planted(), isolated_copies(Planted()), walk, Planted().default_grid, "both", 5)
    own, other = direction._returns(subject, Planted.parameters.defaults, 1)
    assert len(own) > 100
    assert own.tolist() == other.tolist()


def trending(n: int = 6_000) -> Bars:
    """Bars that rise between the close and the next open, which a toss of each bar's own moves leaves alone."""
    rng = np.random.default_rng(8)
    path = 1.0 + np.cumsum(rng.normal(0.0, 0.0004, (n, 12)), axis=1)
    open_ = 100.0 * np.cumprod(np.concatenate(([1.0], path[:-1, -1])) * 1.0003)
    high, low = open_ * np.maximum(path.max(axis=1), 1.0), open_ * np.minimum(path.min(axis=1), 1.0)
    market = Market("test", "BTC/USDT", Timeframe.parse("5m"))
    stamps = np.arange(n, dtype=np.int64) * 300_000
    return Bars.from_columns(market, stamps, open_, high, low, open_ * path[:, -1], np.ones(n))


def test_a_drift_between_bars_is_no_leak() -> None:
    bars = trending()
    checks = tuple(check for check in CHECKS if check.name == "direction")
    report = inspect_strategy(Planted(), bars, sides="long", effort=0.3, checks=checks)
    assert report.is_clean
    assert report.is_complete


class OwnBar(Planted):
    """Judged by the move of the bar on which it is filled."""

    def strength(self, bars: Bars, side: int, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        ahead = np.append(bars.close[1:] - bars.open[1:], 0.0)
        return np.asarray(side * ahead / unit)


def test_a_clairvoyant_earns_on_bars_without_direction(walk: Bars) -> None:
    (finding,) = looked(OwnBar(), walk, "direction").findings
    assert finding.what == "the mean trade"
    assert finding.found > 0.05 > abs(finding.expected)
    assert finding.moment == ""


# the tables


def rows(**columns: Any) -> Setups:
    n = len(columns["bar"])
    return Setups.build(side=np.ones(n), features={"x": columns.pop("x", np.zeros(n))}, **columns)


def test_differences_by_hand() -> None:
    one = rows(bar=[1, 2, 2, 5], x=[1.0, np.nan, 3.0, 4.0], group_a=[9, 9, -1, 4], stop_unit=np.ones(4))
    same = rows(bar=[1, 2, 2, 5], x=[1.0, np.nan, 3.0, 4.0], group_a=[3, 3, -1, 8], stop_unit=np.ones(4))
    assert differences(one, same) == []  # what a group is called does not count
    other = rows(bar=[1, 2, 5, 6], x=[1.5, 2.0, 4.0, 0.0], group_a=[3, 3, 3, -1], stop_unit=np.ones(4))
    found = {d.what: (d.bar, d.expected, d.found) for d in differences(one, other)}
    assert found["the signal itself"][0] == 2
    assert found["feature 'x'"] == (1, 1.0, 1.5)
    assert found["group_a"][0] == 5
    assert set(found) == {"the signal itself", "feature 'x'", "group_a"}


def test_tables_that_are_the_same_are_only_compared_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    columns: dict[str, Any] = {"bar": [1, 2], "x": [1.0, np.nan], "flat_by": [4, -1], "stop_unit": np.ones(2)}
    others = ({"bar": [1, 3]}, {"x": [1.0, 2.0]}, {"flat_by": [5, -1]}, {"stop_unit": np.zeros(2)}, {"group_a": [1, 1]})
    one = rows(**columns)
    assert all(differences(one, rows(**(columns | other))) for other in others)
    monkeypatch.setattr(compare, "_rows_at", None)
    assert differences(one, rows(**columns)) == []


def test_slack_by_hand() -> None:
    base = np.full(2_000, 10.0)
    near, far = base + 9e-6, base + 2e-5  # a millionth of 10 lies between
    slack = Slack(relative=1e-6, rows=0.001)
    expected = rows(bar=np.arange(2_000), x=base)
    assert differences(expected, rows(bar=np.arange(2_000), x=near), slack) == []
    assert [d.what for d in differences(expected, rows(bar=np.arange(2_000), x=far), slack)] == ["feature 'x'"]
    few = base.copy()
    few[:2] = 99.0
    assert differences(expected, rows(bar=np.arange(2_000), x=few), slack) == []
    few[2] = 99.0
    assert len(differences(expected, rows(bar=np.arange(2_000), x=few), slack)) == 1
    assert len(differences(expected, rows(bar=np.arange(2_000), x=near))) == 1


# the gate


@pytest.fixture
def few(walk: Bars) -> Bars:
    return walk.head(2_000)


class Passes:
    """Clean passes in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, Any]] = {}

    def holds(self, key: str) -> bool:
        return key in self.kept

    def keep(self, key: str, facts: Mapping[str, Any]) -> None:
        self.kept[key] = facts


class Own(Planted):
    """A user's own, from a file."""

    name = "OWN"
    source_digest: str | None = "that of the file"


class OwnLeak(Own):
    """A user's own, with a unit that is known too early."""

    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        table = super().setups(bars, side, shape)
        unit = np.append(atr(bars)[1:], np.nan)[table.bar]
        return Setups.build(bar=table.bar, side=table.side, features=table.features, stop_unit=unit)


@pytest.fixture
def inspected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the strategies that were inspected."""
    names: list[str] = []

    def count(strategy: Strategy, bars: Bars, space: Any, sides: str, *, seed: int) -> LeakReport:
        names.append(type(strategy).__name__)
        return inspect_strategy(strategy, bars, space, sides, seed=seed, effort=0.05)

    monkeypatch.setattr(leak_gate, "inspect_strategy", count)
    return names


def test_a_clean_strategy_is_looked_through_once(few: Bars, inspected: list[str]) -> None:
    passes = Passes()
    for _ in range(2):
        refuse_unless_clean(Experiment(Own()), few, passes)
    assert inspected == ["Own"]
    (facts,) = passes.kept.values()
    assert facts["class"] == "Own"
    assert facts["bars"] == len(few)
    changed = Own()
    changed.source_digest = "another file"
    refuse_unless_clean(Experiment(changed), few, passes)
    refuse_unless_clean(Experiment(Own(), execution=Execution(Side.LONG)), few, passes)
    assert inspected == ["Own"] * 3
    changed.source_digest = None  # of a notebook: what it is made of cannot be told
    refuse_unless_clean(Experiment(changed), few, passes)
    refuse_unless_clean(Experiment(changed), few, passes)
    assert inspected == ["Own"] * 5
    assert len(passes.kept) == 3
    refuse_unless_clean(Experiment(Own()), few, None)  # nothing to remember by
    assert inspected == ["Own"] * 6


def test_another_version_of_the_laboratory_looks_again(
    few: Bars, inspected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = Passes()
    refuse_unless_clean(Experiment(Own()), few, passes)
    monkeypatch.setattr(leak_gate, "INSPECTION_VERSION", -1)
    refuse_unless_clean(Experiment(Own()), few, passes)
    monkeypatch.setattr(leak_gate, "result_digest", lambda: "other code")
    refuse_unless_clean(Experiment(Own()), few, passes)
    assert inspected == ["Own"] * 3


def test_what_leaks_or_could_not_be_looked_at_is_not_remembered(few: Bars, inspected: list[str]) -> None:
    passes = Passes()
    with pytest.raises(LeakError, match=r"OWN: level 'stop_unit' at 2024-01-.* depends on bars that were not over yet"):
        refuse_unless_clean(Experiment(OwnLeak()), few, passes)
    refuse_unless_clean(Experiment(Own()), few.head(600), passes)  # too short for every check
    assert inspected == ["OwnLeak", "Own"]
    assert passes.kept == {}


def test_those_that_ship_are_not_looked_through_again(few: Bars, inspected: list[str]) -> None:
    refuse_unless_clean(Experiment(STRATEGIES["SUPPLY_SHOCK"]()), few, None)
    assert inspected == []


def test_passes_are_kept_as_files(tmp_path: Path) -> None:
    passes = StoredPasses(tmp_path / "leaks")
    assert not passes.holds("k")
    passes.keep("k", {"strategy": "OWN"})
    assert StoredPasses(tmp_path / "leaks").holds("k")
    assert (tmp_path / "leaks" / "k.json").read_text() == '{\n  "strategy": "OWN"\n}\n'
    (tmp_path / "file").write_text("")
    StoredPasses(tmp_path / "file" / "leaks").keep("k", {})  # no folder can be made: nothing is remembered


def test_a_clean_report_refuses_nothing(few: Bars) -> None:
    refuse_leaks(looked(Own(), few, "calendar"))
