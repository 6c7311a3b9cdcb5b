"""The list of configurations without a browser: its address, lines and rows, and the pictures of a comparison."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import numpy as np
import pytest

from assay.engine.shared_days import DailyPath, shared_days
from assay.errors import InputError
from assay.service.comparison import FieldRow
from assay.store.configuration_pages import MEASURED, ORDERS, Place
from assay.studio.addresses import CONFIGURATIONS, address
from assay.studio.archive_dialog import BOUNDED
from assay.studio.comparison_plots import COLOURS, DASHES, MOST_POINTS, TOGETHER, overlaid, shade
from assay.studio.comparison_rows import columns_of, rows_of, value_text
from assay.studio.configuration_query import MOST_CHOSEN, ListQuery
from assay.studio.configuration_rows import COLUMNS, note_of
from assay.studio.plots import DARK
from assay.studio.sparkline import HEIGHT, WIDTH, sparkline
from assay.studio.sparkline import MOST_POINTS as POINTS
from assay.studio.values import UNKNOWN

# the address

QUERIES = [
    ListQuery(),
    ListQuery(stage="MATURE", strategy="A B", pair="BTC/USDT", exchange="binance", timeframe="5m", active=True),
    ListQuery(archived=None, active=False, min_sharpe_ratio=-0.5, min_net_profit=1234567.25, max_p_value=0.05),
    ListQuery(archived=True, min_sample_size=30, sort="win_rate", falling=False, undo=1796075113974),
    ListQuery(sort="sharpe_ratio", place=Place(0.1 + 0.2, "A&B_1"), backwards=True, chosen=("A", "B=1")),
    ListQuery(sort="strategy_name", place=Place('Ünsafe "name"', "C"), chosen=("C",)),
    ListQuery(sort="sharpe_ratio", place=Place(None, "D")),
]


def read(where: str) -> ListQuery:
    query = urlsplit(where).query
    return ListQuery.of(dict(parse_qsl(query)), parse_qs(query).get("chosen", ()))


@pytest.mark.parametrize("query", QUERIES)
def test_an_address_says_all_of_it(query: ListQuery) -> None:
    assert read(address(CONFIGURATIONS, **query.query())) == query


def test_the_usual_list_has_a_plain_address() -> None:
    assert address(CONFIGURATIONS, **ListQuery().query()) == CONFIGURATIONS


@pytest.mark.parametrize(
    "given",
    [
        {"active": "yes"}, {"archived": "1"}, {"sort": "config_json"}, {"order": "up"}, {"min_sharpe_ratio": "nan"},
        {"max_p_value": "x"}, {"after": "x"}, {"after": "[1]"}, {"after": '[true,"A"]'}, {"after": "[1,2]"},
        {"before": '["text","A"]'}, {"sort": "pair", "after": '[1,"A"]'}, {"after": '[1e99,"A"]'},
        {"undo": "inf"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(InputError, match=next(name for name in given if name != "sort" or len(given) == 1)):
        ListQuery.of(given)


def test_at_most_so_many_are_chosen() -> None:
    names = [str(n) for n in range(MOST_CHOSEN + 5)]
    assert ListQuery.of({}, [names[0], *names]).chosen == tuple(names[:MOST_CHOSEN])


def test_filters_and_orders_begin_at_the_first_page() -> None:
    query = ListQuery(place=Place(1.0, "A"), chosen=("A",), backwards=True)
    filtered = query.filtered(stage="MATURE")
    assert (filtered.place, filtered.backwards, filtered.chosen) == (None, False, ("A",))
    by_sharpe = query.sorted_by("sharpe_ratio")
    assert (by_sharpe.place, by_sharpe.order.falls) == (None, True)
    turned = by_sharpe.sorted_by("sharpe_ratio")
    assert not turned.order.falls
    assert turned.sorted_by("sharpe_ratio") == by_sharpe
    assert not query.sorted_by("p_value").order.falls
    assert query.turned(Place(2.0, "B"), backwards=True).backwards
    assert query.turned(None, backwards=True) == ListQuery(chosen=("A",))
    assert not query.is_filtered
    assert filtered.is_filtered


def test_filters_bound_what_they_name() -> None:
    query = ListQuery(stage="PAPER", min_sample_size=30, max_p_value=0.1, archived=None)
    found = query.filter()
    assert (found.stage, found.archived, found.least, found.most) == (
        "PAPER", None, {"sample_size": 30}, {"p_value": 0.1},
    )  # fmt: skip


# small lines


def corners(points: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (point.split(",") for point in points.split(" "))]


def test_a_small_line() -> None:
    found = sparkline([1.5, 0.5, 1.0])
    assert found is not None
    left, right, top, bottom = 1.0, WIDTH - 1.0, 1.0, HEIGHT - 1.0
    third = (right - left) / 3
    middle = (top + bottom) / 2
    expected = [(left, middle), (left + third, top), (left + 2 * third, bottom), (right, middle)]
    np.testing.assert_allclose(corners(found.points), expected, atol=0.06)
    assert found.start_y == middle
    assert found.label == "from 1 to 1.000 in 3 days, between 0.500 and 1.500"
    assert sparkline([]) is None
    flat = sparkline([1.0, 1.0])
    assert flat is not None
    assert {y for _, y in corners(flat.points)} == {HEIGHT / 2}


@pytest.mark.parametrize("days", [47, 48, 49, 211, 3_000])
def test_a_long_line_has_few_corners_and_loses_no_fall(days: int) -> None:
    worth = np.linspace(1.0, 2.0, days)
    worth[days // 3] = 0.25
    found = sparkline(worth)
    assert found is not None
    drawn = corners(found.points)
    assert len(drawn) <= POINTS
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)
    assert max(y for _, y in drawn) == HEIGHT - 1.0
    assert drawn[-1] == (WIDTH - 1.0, 1.0)


# rows


def test_columns_sort_by_what_the_store_orders() -> None:
    assert {column.name for column in COLUMNS if column.sorts} <= set(ORDERS)
    assert {one.name for one in BOUNDED} <= set(MEASURED)
    assert all(note_of(one.name) for one in BOUNDED)


def test_differences_are_marked() -> None:
    members: Any = [SimpleNamespace(letter=x, found=SimpleNamespace(config_id=f"S_V3_1_{x * 6}")) for x in "AB"]
    fields = [
        FieldRow("parameters.depth", (0.25, 0.5), "", "how deep", differs=True),
        FieldRow("gross_win_rate", (0.5, 0.5), "fraction", "trades that won", differs=False),
    ]
    assert [column.label for column in columns_of(members)][2:] == ["A · AAAAAA", "B · BBBBBB"]
    different, same = rows_of(fields, members, only_differences=False)
    assert (different["field"]["text"], different["differs"]["text"], different["tone"]) == ("depth", "≠", "differs")
    assert (different["A"]["text"], different["B"]["text"]) == ("0.25", "0.5")
    assert (same["A"]["text"], same["A"]["note"], same["tone"]) == ("50.00 %", "0.5", "same")
    assert [row["id"] for row in rows_of(fields, members, only_differences=True)] == ["parameters.depth"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "%", UNKNOWN), (True, "", "yes"), (0, "trades", "0"), (12_345, "trades", "12,345"),
        (0.123456, "fraction", "12.35 %"),
        (-3.456, "%", "-3.46 %"), (1_700_000_000_000, "time", "2023-11-14 22:13"), (1.23456789, "annual", "1.23457"),
        ({"a": 1}, "", '{"a": 1}'), ("text", "", "text"),
    ],
)  # fmt: skip
def test_values(value: object, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


# pictures


def test_equity_overlaid() -> None:
    rng = np.random.default_rng(2)
    days = 2 * MOST_POINTS + 2
    paths = [DailyPath(0, np.asarray(np.cumprod(1 + rng.normal(0, 0.01, days)), np.float64)) for _ in range(8)]
    shared = shared_days(paths, 365)
    assert shared is not None
    options = overlaid(DARK, shared, list("ABCDEFGH"), dark=True)
    dates = options["xAxis"][1]["data"]
    assert len(dates) <= MOST_POINTS + 1
    assert (dates[0], dates[-1]) == ("1970-01-01", str(np.datetime64(days - 1, "D")))
    assert len(options["series"]) == 2 * 9
    worth, fallen = options["series"][:9], options["series"][9:]
    assert [line["name"] for line in worth] == [*"ABCDEFGH", TOGETHER] == [line["name"] for line in fallen]
    for i, (line, below) in enumerate(zip(worth[:8], fallen[:8], strict=True)):
        assert line["data"][-1] == pytest.approx(shared.worth[-1, i], abs=1e-5)
        assert below["data"][-1] == pytest.approx(shared.drawdown_pct[-1, i], abs=1e-3)
    looks = {(line["lineStyle"]["color"], str(line["lineStyle"]["type"])) for line in worth}
    assert len(looks) == 9
    assert all(len(set(colours)) == len(DASHES) == 8 for colours in COLOURS.values())


def test_shades_have_a_direction() -> None:
    assert shade(math.nan) == "background: transparent"
    assert "--link" in shade(0.5)
    assert "--warn" in shade(-0.5)
    assert "36%" in shade(1.0)
