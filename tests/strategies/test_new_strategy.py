"""One file and one line: a registered strategy has golden results, a page, a class for loops, and keeps the rules."""

from __future__ import annotations

import pickle
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from documentation.__main__ import main as write_docs
from documentation.anatomy import anatomy_of, trade_alone

import assay
from assay.strategies import STRATEGIES, find_strategy
from assay.testing import check_strategy, practice_bars
from strategies import test_golden as golden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.strategies import Strategy

DOCS = Path(__file__).parents[2] / "docs"
FILE = '''
"""RISING_BODY: a large body on volume that leaves the closes before it goes on."""

from __future__ import annotations

import numpy as np

from assay.engine import Bracket, Setups, at_least
from assay.indicators import atr, volume_ratio
from assay.parameters import Parameter, Parameters
from assay.strategies.base import Strategy


class RisingBody(Strategy):
    """A large body on volume that leaves the closes of the bars before it."""

    name = "RISING_BODY"
    parameters = Parameters(
        Parameter(name="body", default=1.0, low=0.5, high=2.0, grid=(0.5, 1.0), unit="ATR", doc="Body, at least."),
        Parameter(name="loud", default=1.5, low=1.0, high=3.0, grid=(1.0, 1.5), unit="x", doc="Volume, at least."),
        Parameter(name="back", default=5, low=3, high=10, step=1, grid=(5,), unit="bars", doc="Closes to leave."),
        Parameter(name="stop", default=2.0, low=1.0, high=4.0, grid=(1.0, 2.0), unit="ATR", doc="Stop."),
    )
    rules = (at_least("body", "body"), at_least("loud", "loud"))
    bracket = Bracket(stop="stop", target=2.0, max_bars=20)

    def warmup(self, shape):
        return max(21, int(shape["back"]) + 1)

    def setups(self, bars, side, shape):
        unit, back = atr(bars), int(shape["back"])
        leaves = np.zeros(len(bars), dtype=np.bool_)
        if len(bars) > back:
            before = np.lib.stride_tricks.sliding_window_view(bars.close, back)[:-1]
            leaves[back:] = (side * (bars.close[back:, None] - before) > 0).all(axis=1)
        t = np.flatnonzero(leaves & (unit > 0))
        body = side * (bars.close - bars.open)[t] / unit[t]
        features = {"body": body, "loud": volume_ratio(bars)[t]}
        return Setups.build(bar=t, side=np.full(len(t), side), features=features, stop_unit=unit[t])
'''


@pytest.fixture
def strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Strategy]]:
    """A throw-away strategy: one file beside those that ship, and one line in the registry."""
    file, name = tmp_path / "rising_body.py", "assay.strategies.rising_body"
    file.write_text(FILE)
    spec = spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(STRATEGIES, "RISING_BODY", module.RisingBody)
    yield module.RisingBody
    for package in ("assay", "assay.frames.strategies"):
        vars(import_module(package)).pop("RisingBodyStrategy", None)


def test_it_is_found_and_keeps_every_rule(strategy: type[Strategy]) -> None:
    assert find_strategy("rising_body") is strategy
    check_strategy(strategy)


def test_its_golden_results_are_asked_for_and_kept(strategy: type[Strategy]) -> None:
    found = golden.results(strategy(), {"practice": practice_bars()})
    assert found["defaults"]["practice"]["trades"] > 10
    with pytest.raises(AssertionError, match="RISING_BODY has no golden results: run `make golden`"):
        golden.compare("RISING_BODY", found, {})
    golden.compare("RISING_BODY", found, {"RISING_BODY": found})


def test_it_has_a_class_that_is_asked_bar_by_bar(strategy: type[Strategy]) -> None:
    kind = assay.RisingBodyStrategy
    assert kind is assay.RisingBodyStrategy
    assert issubclass(kind, strategy)
    assert kind.__name__ == "RisingBodyStrategy"
    asked, bars = kind(), practice_bars()
    assert pickle.loads(pickle.dumps(asked)).name == "RISING_BODY"  # noqa: S301  (made a line above)
    values = strategy.parameters.defaults
    trades = assay.backtest(strategy(), bars, values).trades
    first = int(trades.signal_bar[0])
    assert asked.check_entry_signal(bars, first, values)


def test_it_gets_a_page_and_a_row(strategy: type[Strategy], tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    for page in [*DOCS.glob("*"), *(DOCS / "strategies").glob("*.md")]:
        if page.is_file():
            copy = docs / page.relative_to(DOCS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(page.read_text())
    assert write_docs(["--docs", str(docs), "--data", str(tmp_path / "none")]) == 0
    assert "| [RISING_BODY](rising-body.md) |" in (docs / "strategies" / "README.md").read_text()
    text = (docs / "strategies" / "rising-body.md").read_text()
    assert text.startswith("# RISING_BODY\n")
    assert "| `loud` | 1.5 | 1 to 3 |" in text
    assert anatomy_of(strategy()) is trade_alone
    assert anatomy_of(STRATEGIES["SUPPLY_SHOCK"]()) is not trade_alone
