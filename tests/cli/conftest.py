"""A market on disk and the command line called inside this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from assay.cli.main import main
from assay.sources import write_bars
from assay.sources.simulated import SimulatedMarket, simulate_market

if TYPE_CHECKING:
    from pathlib import Path

    from assay.market import Bars

RISING = """
import numpy as np

from assay.engine import Bracket, Setups, at_least
from assay.indicators import atr
from assay.parameters import Parameter, Parameters
from assay.strategies import Strategy


class Rising(Strategy):
    \"\"\"A bar with a large body.\"\"\"

    name = "RISING"
    parameters = Parameters(
        Parameter(name="strength", default=1.0, low=0.5, high=3.0, grid=(0.5, 1.0), doc="Body in ATR."),
        Parameter(name="stop", default=2.0, low=1.0, high=4.0, grid=(1.0, 2.0, 3.0), doc="Stop in ATR."),
    )
    rules = (at_least("body", "strength"),)
    bracket = Bracket(stop="stop", target=2.0, max_bars=20)

    def setups(self, bars, side, shape):
        unit = atr(bars)
        t = np.arange(len(bars))
        body = side * (bars.close - bars.open) / unit
        return Setups.build(bar=t, side=np.full(len(t), side), features={"body": body}, stop_unit=unit)
"""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.out)
        return content


class Assay(Protocol):
    """Run the command line."""

    def __call__(self, *arguments: object) -> Ran: ...


@pytest.fixture(scope="session")
def bars() -> Bars:
    """Forty days of 5-minute bars."""
    return simulate_market(SimulatedMarket(days=40, seed=11))


@pytest.fixture(scope="session")
def market_file(bars: Bars, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("market") / "BINANCE_BTCUSDT_5m.parquet"
    write_bars(path, bars)
    return path


@pytest.fixture
def rising(tmp_path: Path) -> Path:
    """Return a user's own strategy in a file."""
    path = tmp_path / "rising.py"
    path.write_text(RISING)
    return path


@pytest.fixture
def assay(capsys: pytest.CaptureFixture[str]) -> Assay:
    """Run the command line in this process."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run
