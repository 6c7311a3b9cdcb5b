"""What HTTP says is what the command line says, page by page, in every format; and errors have one shape."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa

from api.api_samples import IDS, Api, opened_api
from assay.api.answers import ARROW, PAGE_POLICY
from assay.api.errors import ErrorBody
from assay.api.paging import decode_cursor, encode_cursor
from assay.api.routes import configuration_files
from assay.api.routes.configurations import Sort
from assay.cli.main import main
from assay.errors import InputError
from assay.market import Timeframe, resample
from assay.market.ohlcv import COLUMNS
from assay.store import Registry, schema
from assay.store.configuration_pages import SORTS
from assay.store.forms import Forms
from store.documents import variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BTC = {"exchange": "binance", "symbol": "btcusdt", "timeframe": "5m"}
CONFIGURATIONS = "/training/configurations"


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as opened:
        yield opened


@pytest.fixture(scope="module")
def api(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    opened = opened_api(tmp_path_factory.mktemp("api") / "api.db", runner)
    yield opened
    opened.database.close()


@pytest.fixture
def said(api: Api, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Return what a command says of the same database with --json."""

    def run(*arguments: str) -> Any:
        capsys.readouterr()
        code = main([*arguments, "--database", api.database.name, "--json"])
        assert code == 0
        return json.loads(capsys.readouterr().out)

    return run


# --- the same as the command line


def test_listings_are_those_of_the_command_line(api: Api, said: Callable[..., Any]) -> None:
    assert api.get(CONFIGURATIONS)["items"] == said("configurations", "list")["configurations"]
    assert api.get(CONFIGURATIONS)["changed"] == []
    assert api.get("/markets")["items"] == said("data", "list")["markets"]
    assert api.get("/quality")["items"] == said("data", "quality")["markets"]
    ledger = said("ledger")
    by_key = lambda row: (-row["at"], row["experiment_digest"])  # noqa: E731
    assert api.get("/ledger")["items"] == sorted(ledger["experiments"], key=by_key)
    assert api.get("/ledger/openings")["items"] == sorted(ledger["holdout_openings"], key=by_key)
    assert api.get("/ledger/campaigns")["items"] == ledger["campaigns"]


def test_strategies_and_the_funnel_are_those_of_the_command_line(
    api: Api, said: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for path, arguments in (("", []), ("/liquidity_sweep", ["LIQUIDITY_SWEEP"])):
        capsys.readouterr()
        assert main(["strategies", *arguments, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        found = api.get(f"/strategies{path}")
        assert (found["items"] if not path else {n: v for n, v in found.items() if n != "schema"}) == (
            document["strategies"] if not path else document
        )
    where = ["--exchange", "binance", "--symbol", "BTC/USDT", "--timeframe", "5m"]
    terms = ["--set", "pierce_depth=0.002", "--days", "4", "--side", "long", "--fee", "10bps"]
    query = {"set": "pierce_depth=0.002", "days": 4, "side": "long", "fee": "10bps"}
    assert api.get("/funnel", **BTC, **query) == said("funnel", *where, *terms)


def test_a_configuration_is_that_of_the_command_line(api: Api, said: Callable[..., Any]) -> None:
    shown = said("configurations", "show", IDS[1])
    found = api.get(f"{CONFIGURATIONS}/{IDS[1]}", explain=True)
    assert {name: found[name] for name in shown} == shown
    assert found["configuration"] == Registry(api.database).get(IDS[1]).document
    assert found["why_not_promoted"] == "a gate after VALIDATION failed"
    assert api.get(f"{CONFIGURATIONS}/{shown['row']['id']}")["explained"] is None
    compared = said("configurations", "compare", *IDS[1:3])
    assert api.get(f"{CONFIGURATIONS}/compare", ids=IDS[1:3]) == compared


@pytest.mark.parametrize("name", ["trades", "equity"])
def test_a_run_is_that_of_the_command_line(
    api: Api, name: str, said: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    document = said("configurations", name, IDS[1])
    del document["files"]
    path = f"{CONFIGURATIONS}/{IDS[1]}/{name}"
    assert api.get(path, format="json") == document
    assert api("GET", path, headers={"Accept": "application/json"}).json() == document
    answer = api("GET", path)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert main(["configurations", name, IDS[1], "--csv", "-", "--database", api.database.name]) == 0
    assert answer.text == capsys.readouterr().out
    assert len(list(csv.DictReader(io.StringIO(answer.text)))) == len(document[name])
    absent = api("GET", f"{CONFIGURATIONS}/{IDS[2]}/{name}")
    assert (absent.status_code, absent.json()["error"]["rule"]) == (404, f"was stored without its {name}")


def test_the_report_is_the_page_that_loads_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, drawn = Registry(api.database), []

    def page(*given: Any) -> str:
        drawn.append(given)
        return "<p>a page</p>"

    monkeypatch.setattr(configuration_files, "html", page)
    answer = api("GET", f"{CONFIGURATIONS}/{IDS[1]}/report")
    assert drawn == [(registry.get(IDS[1]).document, registry.figures(IDS[1]))]
    assert answer.text == "<p>a page</p>"
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_the_summary_counts_what_is_listed(api: Api) -> None:
    found = api.get(f"{CONFIGURATIONS}/stats/summary")
    rows = api.get(CONFIGURATIONS)["items"]
    assert (found["total"], found["archived"], found["active"]) == (len(rows), 0, 0)
    assert found["by_stage"] == {s: sum(r["status"] == s for r in rows) for s in {r["status"] for r in rows}}
    (spike,) = found["by_strategy"]
    assert (spike["strategy"], spike["configurations"], spike["best_sharpe_ratio"]) == ("SPIKE", 5, 20.5)
    assert found["best"][0]["config_id"] == IDS[2]


def test_the_ledger_is_intact_and_its_head_is_checked(api: Api, said: Callable[..., Any]) -> None:
    found = api.get("/ledger/verify")
    assert found == said("ledger", "verify")
    head = f"{found['length']}:{found['head']}"
    assert api.get("/ledger/verify", head=head)["intact"]
    assert not api.get("/ledger/verify", head=f"{found['length']}:{'0' * 64}")["intact"]


# --- pages


@pytest.mark.parametrize("sort", ["created_at", "sharpe_ratio", "p_value"])
def test_pages_have_every_row_once_in_order(api: Api, sort: str) -> None:
    rows = api.all_of(CONFIGURATIONS, sort=sort, limit=1)
    assert [r["config_id"] for r in rows] == [r["config_id"] for r in api.get(CONFIGURATIONS, sort=sort)["items"]]
    assert sorted(r["config_id"] for r in rows) == IDS
    known = [r[sort] for r in rows if r[sort] is not None]
    assert known == sorted(known, reverse=SORTS[sort])
    assert [r[sort] for r in rows[len(known) :]] == [None] * (len(rows) - len(known))


@pytest.mark.parametrize("path", ["/markets", "/coverage", "/quality", "/ledger", "/ledger/openings"])
def test_other_pages_have_every_row_once(api: Api, path: str) -> None:
    whole = api.get(path)["items"]
    assert api.all_of(path, limit=1) == whole
    assert len(whole) > 1
    assert api.all_of(path, limit=2) == whole


def test_no_row_is_lost_or_told_twice_while_rows_are_added(api: Api) -> None:
    registry, seen, cursor = Registry(api.database), [], None
    added = iter(range(10, 20))
    while True:
        page = api.get(CONFIGURATIONS, limit=2, pair="BTC/USDT", **({"cursor": cursor} if cursor else {}))
        seen += [row["config_id"] for row in page["items"]]
        cursor = page["next_cursor"]
        registry.save(variant(next(added), "PAPER"), at_ms=9_000)
        if cursor is None:
            break
    assert sorted(i for i in seen if i in IDS) == sorted(set(IDS) - {IDS[2]})
    assert len(seen) == len(set(seen))
    api.database.write(
        lambda c: c.execute(sa.delete(schema.trained_configurations).where(sa.text("created_at = 9000")))
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"stage": "validation"}, [4, 1]),
        ({"pair": "eth-usdt"}, [2]),
        ({"timeframe": "4h"}, [4]),
        ({"strategy": "spike_v3"}, [4, 3, 2, 1, 0]),
        ({"strategy": "OTHER"}, []),
        ({"exchange": "Kraken"}, []),
        ({"min_sharpe_ratio": 0.0}, [2, 1]),
        ({"min_sharpe_ratio": 16.0, "min_sample_size": 1}, [2]),
        ({"max_p_value": 0.05, "stage": "MATURE"}, [2]),
        ({"active": True}, []),
        ({"archived": True}, []),
    ],
)
def test_filters(api: Api, query: dict[str, Any], expected: list[int]) -> None:
    found = [row["config_id"] for row in api.get(CONFIGURATIONS, **query)["items"]]
    assert found == [IDS[n] for n in expected]


def test_filters_of_markets_and_the_ledger(api: Api) -> None:
    assert [m["timeframe"] for m in api.get("/markets", symbol="BTC-USDT")["items"]] == ["5m", "1h"]
    assert api.get("/coverage", exchange="nowhere")["items"] == []
    assert api.get("/ledger", symbol="ETH/USDT")["items"] == []
    assert len(api.get("/ledger", exchange="BINANCE", symbol="btc_usdt")["items"]) == 5


def test_what_was_changed_after_it_was_stored_is_named_and_not_shown(api: Api) -> None:
    t = schema.trained_configurations
    before = api.get(CONFIGURATIONS)["items"]

    def put(value: float) -> None:
        api.database.write(lambda c: c.execute(sa.update(t).where(t.c.config_id == IDS[2]).values(sharpe_ratio=value)))

    put(9.0)
    page = api.get(CONFIGURATIONS)
    assert [c["configuration"] for c in page["changed"]] == [IDS[2]]
    assert page["items"] == [row for row in before if row["config_id"] != IDS[2]]
    refused = api("GET", f"{CONFIGURATIONS}/{IDS[2]}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "changed_after_storing")
    put(20.5)


def test_a_configuration_is_switched_on_and_off_and_put_away(api: Api) -> None:
    def post(n: int, what: str) -> Any:
        return api("POST", f"{CONFIGURATIONS}/{IDS[n]}/{what}").json()

    assert (post(1, "activate")["replaced"], post(1, "activate")["configuration"]["is_active"]) == (None, True)
    assert [row["config_id"] for row in api.get(CONFIGURATIONS, active=True)["items"]] == [IDS[1]]
    assert post(0, "activate")["error"]["code"] == "refused_by_gate"
    assert api("DELETE", f"{CONFIGURATIONS}/{IDS[1]}").status_code == 409
    assert [post(1, "deactivate")["changed"] for _ in range(2)] == [True, False]
    assert api("DELETE", f"{CONFIGURATIONS}/{IDS[1]}").json()["changed"]
    assert [row["config_id"] for row in api.get(CONFIGURATIONS, archived=True)["items"]] == [IDS[1]]
    assert [post(1, "restore")["changed"] for _ in range(2)] == [True, False]
    assert post(1, "restore")["configuration"]["archived_at"] is None


# --- bars


def stored(api: Api, name: str) -> dict[str, Any]:
    bars = api.bars[name]
    kept = ~bars.absent
    return {n: getattr(bars, n)[kept] for n in (*COLUMNS, "valid")}


def arrow(api: Api, **query: Any) -> tuple[dict[str, Any], dict[bytes, bytes]]:
    answer = api("GET", "/bars", params=query, headers={"Accept": ARROW})
    assert answer.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(answer.content).read_all()
    columns = {n: table[n].to_numpy() for n in table.column_names}
    return columns | {"time": columns["time"].astype("datetime64[ms]").astype(np.int64)}, table.schema.metadata


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[n], b[n]) for n in a)


def test_bars_are_those_that_are_stored_in_every_format(api: Api) -> None:
    document, expected = api.get("/bars", **BTC), stored(api, "binance BTC/USDT 5m")
    assert len(expected["time"]) == document["bars"] == 2880 - 20
    assert same(document["columns"], expected)
    found, facts = arrow(api, **BTC)
    assert same(found, expected)
    assert facts[b"revision"].decode() == str(document["revision"])
    moment = np.datetime_as_string(np.datetime64(int(expected["time"][100]), "ms"))
    part, _ = arrow(api, **BTC, **{"from": moment, "to": f"{moment[:10]}T23:59"})
    assert part["time"][0] == expected["time"][100]
    assert part["time"][-1] < expected["time"][100] + 86_400_000


def test_bars_are_made_coarser_where_that_is_asked_or_there_are_too_many(api: Api) -> None:
    fine = api.bars["binance BTC/USDT 5m"]
    asked = api.get("/bars", **BTC | {"timeframe": "4h"})
    assert (asked["timeframe"], asked["made_from"]) == ("4h", "1h")
    expected = resample(api.bars["binance BTC/USDT 1h"], Timeframe.parse("4h"))
    assert asked["columns"]["close"] == expected.close[~expected.absent].tolist()
    few = api.get("/bars", **BTC, max_points=700)
    assert (few["timeframe"], few["made_from"], few["bars"]) == ("30m", "5m", 477)
    assert few["columns"]["high"] == (coarse := resample(fine, Timeframe.parse("30m"))).high[~coarse.absent].tolist()
    assert api.get("/bars", **BTC, max_points=10)["timeframe"] == "1d"


def test_bars_that_were_not_changed_are_not_sent_again(api: Api) -> None:
    first = api("GET", "/bars", params=BTC)
    again = api("GET", "/bars", params=BTC, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = api("GET", "/bars", params=BTC | {"format": "arrow"}, headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


# --- forms


def test_forms_are_saved_changed_and_deleted(api: Api) -> None:
    body = {"name": "Every evening", "config": {"strategy": "LIQUIDITY_SWEEP", "pairs": ["BTC/USDT"], "x": 0.1}}
    made = api("POST", "/training/forms", json=body)
    form = made.json()
    assert (made.status_code, made.headers["location"]) == (201, f"/api/training/forms/{form['id']}")
    assert api.get(f"/training/forms/{form['id']}") == form
    assert form["config"] == body["config"]
    taken = api("POST", "/training/forms", json=body)
    assert (taken.status_code, taken.json()["error"]["field"]) == (409, "name")
    others = [api("POST", "/training/forms", json=body | {"name": f"Form {n}"}).json() for n in range(3)]
    assert [f["name"] for f in api.all_of("/training/forms", limit=2)] == [
        "Every evening",
        *(f"Form {n}" for n in range(3)),
    ]
    path = f"/training/forms/{form['id']}"
    assert api("PUT", path, json=body | {"name": "Form 1"}).status_code == 409
    assert api("PUT", path, json=body | {"config": {"y": 2}}).json()["config"] == {"y": 2}
    for one in (form, *others):
        assert api("DELETE", f"/training/forms/{one['id']}").status_code == 204
    assert api.get("/training/forms")["items"] == []


def test_another_users_form_is_not_there(api: Api) -> None:
    form = Forms(api.database, "somebody else").add("Mine", {"a": 1}, at_ms=5)
    path, body = f"/training/forms/{form.id}", {"name": "Mine", "config": {}}
    answers = [api("GET", path), api("PUT", path, json=body), api("DELETE", path)]
    assert [a.status_code for a in answers] == [404, 404, 404]
    assert api.get("/training/forms")["items"] == []
    assert api("POST", "/training/forms", json=body).status_code == 201
    assert Forms(api.database, "somebody else").get(form.id) == form


@pytest.mark.parametrize(
    "config",
    [
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\\u0000"}',
        '{"a": "\\ud800"}',
        '{"a": ' + "[" * 40 + "]" * 40 + "}",
        '{"a": "' + "x" * 70_000 + '"}',
        "[]",
        "7",
    ],
    ids=lambda text: text[:20],
)
def test_a_form_is_plain_json_of_a_bounded_size(api: Api, config: str) -> None:
    content = f'{{"name": "x", "config": {config}}}'
    answer = api("POST", "/training/forms", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert ErrorBody.model_validate(answer.json()).error.field in ("config", "body")


# --- errors


TAGS = {"configurations", "forms", "markets", "bars", "strategies", "ledger"}
"""Of the routes that these tests are about."""


def operations(api: Api) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in api.app.openapi()["paths"].items():
        for method, operation in methods.items():
            if TAGS & set(operation.get("tags", ())):
                yield method.upper(), path.removeprefix("/api"), operation


def test_every_route_is_described(api: Api) -> None:
    found = list(operations(api))
    assert len({o["operationId"] for *_, o in found}) == len(found) > 25
    assert get_args(Sort) == tuple(SORTS)
    for method, path, operation in found:
        assert operation["tags"], path
        assert operation["description"], path
        assert {"401", "403", "422", "429", "503"} <= set(operation["responses"]), (method, path)


WRONG = {"cursor": "!", "limit": "0", "ids": ["one"], "head": "x", "max_points": "1", "exchange": "\x01", "format": "y"}
NO_WAY_TO_ASK_WRONGLY = {"/training/configurations/stats/summary", "/strategies"}


def test_errors_of_every_route_have_one_shape(api: Api) -> None:
    """Everything that can be asked wrongly is; whatever is refused is declared, and says what was wrong."""
    for method, path, operation in operations(api):
        known = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
        query = {name: value for name, value in WRONG.items() if name in known}
        address = path.replace("{config_id}", "absent").replace("{form_id}", "absent").replace("{name}", "absent")
        answer = api(method, address, params=query)
        if path in NO_WAY_TO_ASK_WRONGLY and method == "GET":
            assert answer.status_code == 200
            continue
        assert answer.status_code >= 400, (method, path)
        assert str(answer.status_code) in operation["responses"], (method, path, answer.text)
        error = ErrorBody.model_validate(answer.json()).error
        assert error.message
        assert error.field or answer.status_code in (400, 413, 415), (method, path, answer.text)


@pytest.mark.parametrize(
    ("path", "query", "status", "field"),
    [
        ("/bars", BTC | {"symbol": "XRP/USDT"}, 404, "XRP/USDT 5m on binance"),
        ("/bars", BTC | {"from": "2031-01-01"}, 404, "BTC/USDT 5m on binance"),
        ("/bars", BTC | {"from": "yesterday"}, 422, "from"),
        ("/bars", BTC | {"from": "2025-01-02", "to": "2025-01-01"}, 422, "from and to"),
        ("/bars", BTC | {"timeframe": "7 parsecs"}, 422, "timeframe"),
        ("/funnel", BTC | {"set": "pierce_dept=1"}, 422, "pierce_dept"),
        ("/funnel", BTC | {"set": "pierce_depth"}, 422, "set"),
        ("/funnel", BTC | {"strategy": "../x.py:X"}, 422, "strategy"),
        ("/funnel", BTC | {"strategy": "NOTHING"}, 404, "strategy"),
        ("/funnel", BTC | {"days": 1e9}, 422, "days"),
        ("/funnel", BTC | {"fee": "7"}, 422, "fee"),
        (CONFIGURATIONS, {"stage": "BEST"}, 422, "stage"),
        (CONFIGURATIONS, {"sort": "id"}, 422, "sort"),
        (CONFIGURATIONS, {"cursor": "WyJzaGFycGVfcmF0aW8iLCAiMS4wIiwgIngiXQ"}, 422, "cursor"),
        (f"{CONFIGURATIONS}/a%20b", {}, 422, "config_id"),
        ("/strategies/path.py:X", {}, 422, "name"),
    ],
)
def test_what_was_wrong_is_named(api: Api, path: str, query: dict[str, Any], status: int, field: str) -> None:
    answer = api("GET", path, params=query)
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field), answer.text


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
@pytest.mark.parametrize("text", ["a\0", "\ud800"])
def test_a_cursor_that_no_database_can_compare_with_is_none(number: int, text: str) -> None:
    """Whoever makes one by hand is told so, on every listing and on both kinds of database."""
    for place in ((number, "a"), (1, text)):
        with pytest.raises(InputError, match="next_cursor"):
            decode_cursor(encode_cursor(*place), int, str)
    assert decode_cursor(encode_cursor(-(2**63), "é\U0001f600"), int, str) == (-(2**63), "é\U0001f600")


def test_the_examples_of_the_page_are_answered(api: Api) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    asked = re.findall(r'^ask "\$SERVER/api(/[^"$]+)"', text, flags=re.MULTILINE)
    assert len(asked) > 18
    for path in asked:
        if not path.endswith("/report"):  # drawing takes seconds, and has a test of its own
            answer = api("GET", path)
            assert answer.status_code == 200, (path, answer.text)
