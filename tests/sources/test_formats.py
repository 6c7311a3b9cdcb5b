"""Every usual format is read as what it is, or refused with the way out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assay.errors import InputError
from assay.sources import ReadingOptions, read_bar_file
from sources.formats import FORMATS, Format

if TYPE_CHECKING:
    from pathlib import Path


def _id(case: Format) -> str:
    return case.name


@pytest.mark.parametrize("case", FORMATS, ids=_id)
def test_a_format_is_read_or_refused_rightly(case: Format, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content)
    options = ReadingOptions.parse(**case.options)
    if case.refused:
        with pytest.raises(InputError) as caught:
            read_bar_file(path, options=options)
        assert re.search(case.refused, str(caught.value)), str(caught.value)
        return
    found = read_bar_file(path, options=options)
    market = found.rows.market
    assert f"{market.exchange} {market.symbol} {market.timeframe} {market.kind}" == case.market
    c = found.rows.columns
    assert c.time.tolist() == [int(bar.at.timestamp() * 1000) for bar in case.bars]
    for name in ("open", "high", "low", "close"):
        assert c[name].tolist() == [getattr(bar, name) for bar in case.bars]
    if case.volume:
        np.testing.assert_allclose(c.volume, [bar.volume for bar in case.bars], rtol=1e-12)
    assert c.has_volume == case.volume
    assert len(found.bars()) >= len(case.bars)


def test_the_volume_of_contracts_settled_in_the_coin_is_said_to_count_contracts(tmp_path: Path) -> None:
    case = next(case for case in FORMATS if case.name == "Binance dump of a contract with an end")
    path = tmp_path / "BTCUSD_PERP-1h-2024-01.csv"
    path.write_bytes(case.content)
    found = read_bar_file(path)
    assert found.rows.market.symbol == "BTC/USD:BTC"
    assert any("counts contracts" in note and "--columns volume=8" in note for note in found.notes)
    in_coins = read_bar_file(
        path, options=ReadingOptions.parse(columns="time=1,open=2,high=3,low=4,close=5,volume=8")
    ).rows.columns.volume
    np.testing.assert_allclose(in_coins, [round(bar.volume * bar.close, 4) for bar in case.bars])
