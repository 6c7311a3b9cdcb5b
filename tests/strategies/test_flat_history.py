"""Where nothing has moved the ATR is 0: what is measured in it is unknown, never infinite."""

from __future__ import annotations

import numpy as np
import pytest

from assay.evaluation import backtest
from assay.indicators import atr
from assay.market import Bars
from assay.strategies import STRATEGIES, find_strategy
from oracle import capitulation_reversal
from strategies.markets import FIVE_MINUTES

QUIET_BARS = 80


@pytest.fixture(scope="module")
def flat() -> Bars:
    """Eighty bars at one price with trade, a fall on large volume, and a bar that takes most of it back."""
    rows = [(100.0, 100.0, 100.0, 100.0, 10.0)] * QUIET_BARS
    rows += [(100.0, 100.0, 90.0, 92.0, 100.0), (92.0, 97.5, 91.5, 97.0, 30.0)]
    rows += [(97.0, 97.5, 96.5, 97.0, 10.0)] * 20
    time = np.arange(len(rows), dtype=np.int64) * 300_000
    return Bars.from_columns(FIVE_MINUTES, time, *np.array(rows).T)


def test_moves_in_an_atr_of_nothing_are_no_sign_of_panic(flat: Bars) -> None:
    strategy = find_strategy("CAPITULATION_REVERSAL")()
    values = strategy.parameters.complete({"price_velocity_atr": 0.0, "atr_explosion_threshold": 0.0})
    before = QUIET_BARS - int(values["panic_window"])
    assert atr(flat)[before] == 0.0
    rows = strategy.setups(flat, 1, values)
    first = int(np.flatnonzero(rows.bar == QUIET_BARS + 1)[0])
    features = {name: float(column[first]) for name, column in rows.features.items()}
    assert np.isnan([features["speed"], features["burst"]]).all()
    # volume .30 and RSI .10 are met: what is unknown is not met at any threshold, not even at 0
    for least, signals in ((0.4, 1), (0.45, 0)):
        asked = values | {"panic_score_minimum": least}
        assert len(backtest(strategy, flat, asked).trades) == signals
        assert len(capitulation_reversal.signals(flat, asked, 1)) == signals


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_feature_is_infinite_for_want_of_movement(flat: Bars, name: str) -> None:
    strategy = find_strategy(name)()
    shape = strategy.parameters.defaults
    for side in (1, -1):
        rows = strategy.setups(flat, side, shape)
        for feature, column in rows.features.items():
            assert not np.isposinf(column).any(), (name, feature)
