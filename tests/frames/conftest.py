"""A real history of 100 days, as bars and as a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assay import Bars, frame_from_bars, read_bars

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

DAYS = 100


@pytest.fixture(scope="module")
def long_bars(shared_data: Path) -> Bars:
    """400 days."""
    return read_bars(shared_data / "BINANCE_BTCUSDT_5m.parquet").head(400 * 288)


@pytest.fixture(scope="module")
def bars(long_bars: Bars) -> Bars:
    return long_bars.head(DAYS * 288)


@pytest.fixture(scope="module")
def data(bars: Bars) -> pd.DataFrame:
    return frame_from_bars(bars)
