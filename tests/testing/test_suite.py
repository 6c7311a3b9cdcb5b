"""The suite passes every strategy that ships, and catches each fault that is planted, by name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assay.errors import ParameterError
from assay.sources import read_bars
from assay.strategies import STRATEGIES, Strategy
from assay.testing import CHECKS, check_strategy, practice_bars
from testing import faulty

if TYPE_CHECKING:
    from assay.market import Bars

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("rule", CHECKS)
@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_keeps_every_rule(name: str, rule: str) -> None:
    CHECKS[rule](STRATEGIES[name])


@pytest.mark.parametrize("name", STRATEGIES)
def test_both_sides_fire_on_the_bars_of_the_suite(name: str) -> None:
    CHECKS["fires"](STRATEGIES[name], sides="long")
    CHECKS["fires"](STRATEGIES[name], sides="short")


@pytest.mark.parametrize("name", STRATEGIES)
def test_recorded_bars_do_as_well(name: str, shared_data: Path) -> None:
    bars = read_bars(shared_data / "BINANCE_DOGEUSDT_5m.parquet").head(6_000)
    check_strategy(STRATEGIES[name](), bars)


def test_the_strategy_of_the_readme_keeps_every_rule() -> None:
    (code,) = (
        c for c in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL) if "class" in c
    )
    names: dict[str, Any] = {"__name__": "readme"}
    exec(code.split("\n\n\nrun = ")[0], names)  # noqa: S102  (the project's own documentation)
    check_strategy(names["BigBody"])


@pytest.mark.parametrize("strategy", [faulty.Sound, faulty.OfThePrice, faulty.Conditional])
def test_sound_strategies_pass(strategy: type[Strategy]) -> None:
    check_strategy(strategy)


def test_one_side_on_purpose_is_said() -> None:
    check_strategy(faulty.OneSided, sides="long")
    with pytest.raises(AssertionError, match=r"SOUND breaks 'fires': gives 0 short signals .* or `sides`"):
        CHECKS["fires"](faulty.OneSided)


def test_a_side_that_is_none_is_refused() -> None:
    with pytest.raises(ParameterError, match="sides: must be both, long or short, got 'up'"):
        check_strategy(faulty.Sound, sides="up")


FAULTS = [
    (faulty.Undocumented, "documented", "has no docstring"),
    (faulty.WithoutDoc, "documented", "parameter 'stop' has no doc"),
    (faulty.WithoutUnit, "documented", "parameter 'stop' is a number without a unit"),
    (faulty.OutOfRange, "documented", "parameter 'stop' has the default 2.0 outside its range 3.0 to 4.0"),
    (faulty.OffTheGrid, "documented", "parameter 'stop' has a grid that leaves out its default 2.0"),
    (faulty.CamelCase, "documented", "parameter 'Stop' must be named in snake_case"),
    (faulty.Vast, "documented", "has a default grid of 25,122 combinations, at most 25,000"),
    (faulty.Silent, "fires", "gives 0 long signals on Bars"),
    (faulty.Clairvoyant, "causal", "feature 'body' at .* depends on bars that were not over"),
    (faulty.Remembering, "deterministic", r"gives other rows when called .* with side [+-]1 and \{'back': \d+\}"),
    (faulty.Shared, "deterministic", "gives other rows when called from two threads"),
    (faulty.Writing, "deterministic", "changes the bars it is given"),
    (faulty.Fitted, "deterministic", "level 'stop_unit' .*differs in another instance that saw other bars first"),
    (faulty.Raising, "causal", "SOUND setups, line .*: raised IndexError: index 1000 is out of bounds"),
    (faulty.Settling, "deterministic", "changes the parameters it is given"),
    (
        faulty.Unflipped,
        "sides_mirror",
        "its short rows are not those of the mirrored bars: . rows instead of . at",
    ),
    (faulty.Negated, "sides_mirror", "its short rows are .*: level 'stop_base' is"),
    (faulty.Strict, "sides_mirror", "its short rows are .*: . rows instead of . at bar"),
    (faulty.UnflippedFraction, "sides_mirror", "its short rows are"),
    (faulty.Hasty, "warmup_is_enough", r"with its \d+ bars at \{'back': 40\} before a signal, \d+ of \d+ lose rows"),
    (faulty.Dead, "no_dead_parameter", r"'unread' changes no signal and no trade at any of \(0.5, 1.0, 2.0\)"),
    (faulty.Careless, "sweep_equals_replay", r"in a sweep than alone at \{.*\}: total_trades \d+.0 instead of \d+.0"),
    (faulty.Moody, "replay_equals_oracle", r"is replayed to trade \d+: signal_bar \d+ instead of \d+ at \{"),
    (faulty.Dwindling, "funnel_adds_up", r"has a funnel of \(.*\) signals, orders, fills and exits, and a backtest of"),
    (faulty.Priceless, "survives_dirty_bars", "on absent bars, at .*whose level 'stop_unit' is NaN"),
    (faulty.Fragile, "survives_dirty_bars", "on one bar, at .*: raises ValueError: window shape"),
]


@pytest.mark.parametrize(("fault", "rule", "said"), FAULTS, ids=lambda v: v.__name__ if isinstance(v, type) else None)
def test_a_fault_is_caught_and_named(fault: type[Strategy], rule: str, said: str) -> None:
    with pytest.raises(AssertionError, match=f"SOUND breaks {rule!r}: .*{said}"):
        CHECKS[rule](fault)


def test_every_rule_has_a_fault_that_it_catches() -> None:
    assert {rule for _, rule, _ in FAULTS} == set(CHECKS)


def test_all_broken_rules_are_told_at_once() -> None:
    with pytest.raises(AssertionError) as caught:
        check_strategy(faulty.UndocumentedNegated)
    told = re.findall(r"^SOUND breaks '(\w+)'", str(caught.value), re.MULTILINE)
    assert told == ["documented", "sides_mirror"]


def columns(bars: Bars) -> list[bytes]:
    return [column.tobytes() for column in (bars.open, bars.high, bars.low, bars.close, bars.volume)]


def test_the_bars_of_the_suite_stay_what_they_are() -> None:
    before = columns(practice_bars())
    with pytest.raises(AssertionError):
        CHECKS["deterministic"](faulty.Writing)
    assert columns(practice_bars()) == before
    with pytest.raises(ValueError, match="read-only"):
        np.round(practice_bars().volume, out=practice_bars().volume)


def test_it_needs_no_test_framework() -> None:
    code = "import sys, assay.testing; assert not {'pytest', 'pandas', 'hypothesis'} & set(sys.modules)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
