"""What a newcomer's mistakes are answered: the name that was meant, the way out, and nothing of what was secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from assay.api.access import PUBLIC
from assay.api.events import encoded
from assay.api.request_words import as_body, as_request
from assay.errors import QualityError
from assay.store.events import Event, EventKind

if TYPE_CHECKING:
    from fastapi import FastAPI

    from api.asgi import Answer, Client
    from api.conftest import People

START = "/api/training/start"
MARKET = {"pairs": ["BTC/USDT"], "exchanges": ["binance"], "timeframes": ["5m"]}


@pytest.fixture
def trader(people: People) -> Client:
    return people.by_token("trader")


def _error(answer: Answer, status: int = 422) -> dict[str, Any]:
    assert answer.status == status
    found: dict[str, Any] = answer.json["error"]
    assert found["message"].startswith(f"{found['field']}: {found['rule']}" if found["field"] else found["rule"])
    return found


@pytest.mark.parametrize(
    ("body", "field", "rule", "hint"),
    [
        ({}, "pairs", "must be given", "So must exchanges, timeframes"),
        ({"exchange": "binance"}, "exchange", "is not known here", "Did you mean 'exchanges'?"),
        ({"stratgy": "X", **MARKET}, "stratgy", "is not known here", "Did you mean 'strategy'?"),
        (
            {"optimization_params": {"n_sampels": 3}},
            "optimization_params.n_sampels",
            "is not known here",
            "Did you mean 'nSamples'?",
        ),
        ({"pairs": "BTC/USDT"}, "pairs", "must be a list", None),
        ({**MARKET, "pairs": [1]}, "pairs.0", "must be a text", None),
        ({**MARKET, "pairs": [""]}, "pairs.0", "must not be empty", None),
        ({**MARKET, "seed": 1.5}, "seed", "must be a whole number", None),
        ({**MARKET, "fetch": "yes"}, "fetch", "must be true or false", None),
        ({**MARKET, "fee": True}, "fee", "must be a number or a text", None),
        ({**MARKET, "optimizationParams": 4}, "optimizationParams", "must be a JSON object", None),
        ([], "body", "must be a JSON object", None),
    ],
)
def test_a_body_with_a_mistake(trader: Client, body: Any, field: str, rule: str, hint: str | None) -> None:
    found = _error(trader("POST", START, body))
    assert (found["field"], found["rule"], found["hint"]) == (field, rule, hint)


def test_no_body_and_a_body_that_is_no_json(trader: Client) -> None:
    assert "Content-Type: application/json" in _error(trader("POST", START))["hint"]
    sent = [("Content-Type", "application/json"), ("Content-Length", "7")]
    found = _error(trader("POST", START, parts=[b"{'a':1}"], headers=sent))
    assert found["message"] == "body: must be JSON; at character 2: expecting property name enclosed in double quotes"


@pytest.mark.parametrize(
    ("query", "field", "rule", "hint"),
    [
        ("markets?exchang=binance", "exchang", "is not known here", "Did you mean 'exchange'?"),
        ("bars/upload?symbl=X", "symbl", "is not known here", "Did you mean 'symbol'?"),
        ("ledger/campaigns/?limit=1", None, "there is nothing at this address", "Did you mean /api/ledger/campaigns?"),
        ("strategies?limit=1", "limit", "is not known here", "No query is taken here"),
        ("training/jobs?limit=0", "limit", "must be at least 1", None),
        ("training/jobs?limit=x", "limit", "must be a whole number", None),
        (
            "training/jobs?status=faild",
            "status",
            "must be one of pending, running, completed, failed, cancelled",
            "Did you mean 'failed'?",
        ),
    ],
)
def test_a_query_with_a_mistake(trader: Client, query: str, field: str | None, rule: str, hint: str | None) -> None:
    method = "POST" if "upload" in query else "GET"
    found = _error(trader(method, f"/api/{query}"), 422 if field else 404)
    assert (found["field"], found["rule"], found["hint"]) == (field, rule, hint)


def test_monitors_may_add_what_they_like_to_a_query(client: Client, people: People) -> None:
    assert client("GET", "/api/health?probe=7").status == people.client("GET", "/api/ready?probe=7").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "meant"),
    [
        ("GET", "/", 404, "GET /api/openapi.json describes what there is"),
        ("GET", "/api/docs", 404, "GET /api/openapi.json describes what there is"),
        ("GET", "/api/market", 404, "Did you mean /api/markets?"),
        ("GET", "/api/jobs", 404, "Did you mean /api/training/jobs?"),
        ("GET", "/api/training/jobs/12/result", 404, "Did you mean /api/training/jobs/{job}/results?"),
        ("GET", "/api/training/start", 405, "GET /api/openapi.json describes what there is"),
    ],
)
def test_an_address_that_was_meant_otherwise(trader: Client, method: str, path: str, status: int, meant: str) -> None:
    assert _error(trader(method, path), status)["hint"] == meant


def test_a_job_has_no_address_of_its_own_and_those_below_are_named(trader: Client) -> None:
    answer = trader("GET", "/api/training/jobs/12")
    assert _error(answer, 405)["rule"] == "GET is not taken at this address, DELETE is"
    assert answer.headers["allow"] == "DELETE"
    assert "/api/training/jobs/{job}/results" in answer.json["error"]["hint"]


def test_credentials_that_do_not_count_are_said_to_be_wrong(client: Client, people: People) -> None:
    wrong = client.signed_in("assay_0000_none")("GET", "/api/session").json["error"]
    assert "unknown, has expired or was revoked" in wrong["message"]
    assert "Authorization: Bearer TOKEN" in wrong["hint"]
    browser = people.session("viewer")
    browser("DELETE", "/api/session")
    assert browser("GET", "/api/session").json["error"]["message"] == "the session is over"
    assert client("GET", "/api/session").json["error"]["message"].startswith("sign in first")


def test_a_cookie_without_an_origin_is_told_what_is_missing(people: People) -> None:
    answer = people.session("trader", origin=None)("POST", START, {})
    assert answer.code == "foreign_origin"
    assert "the header Origin must name this server" in answer.json["error"]["hint"]


def test_a_misspelt_password_is_not_repeated(client: Client) -> None:
    answer = client("POST", "/api/session", {"name": "ada", "passwort": "correct horse battery"})
    assert _error(answer)["field"] == "passwort"
    assert b"horse" not in answer.body


def test_programs_that_are_made_from_the_description_have_names_and_sign_in(app: FastAPI) -> None:
    document = app.openapi()
    schemas, undescribed = document["components"]["schemas"], []
    for path, routes in document["paths"].items():
        for method, route in routes.items():
            assert re.fullmatch(r"[a-z]+[A-Za-z]*", route["operationId"]), route["operationId"]
            assert (route.get("security") == []) == ((method.upper(), path) in PUBLIC)
            told = [one for one in route.get("parameters", ()) if "description" not in one]
            undescribed += [f"{method} {path} {one['name']}" for one in told]
            body = route.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for ref in (one["$ref"] for one in (body, *body.get("anyOf", ())) if "$ref" in one):
                name = ref.rpartition("/")[2]
                fields = schemas[name].get("properties", {})
                undescribed += [f"{name}.{field}" for field, facts in fields.items() if "description" not in facts]
    assert undescribed == []
    assert set(document["components"]["securitySchemes"]) == {name for one in document["security"] for name in one}


def test_no_answer_to_a_request_names_options_of_the_command_line(trader: Client) -> None:
    """Those that only the command line has, such as `assay sweep --stream`, keep their names."""
    job = _error(trader("GET", "/api/training/jobs/12/status"), 404)
    assert job["hint"] == "GET /api/training/jobs lists them"
    left = _error(trader("POST", START, MARKET | {"strategy": "LIQUIDITY_SWEEP", "fetch": False}))
    assert left["field"] == "pairs"
    assert "POST /api/bars/upload" in left["message"]
    refused = str(QualityError(39.5, 70.0, "a market"))
    assert "--allow-bad-data" in refused
    assert "say allowBadData" in as_request(refused)
    assert as_request("look at all with assay sweep --stream") == "look at all with assay sweep --stream"
    assert as_body({"space": {"a": [1]}, "evidence": "quick"}) == {
        "optimizationParams": {"parameterGrid": {"a": [1]}},
        "evidence": "quick",
    }


def test_a_term_is_named_as_it_was_written(trader: Client) -> None:
    whole = MARKET | {"strategy": "LIQUIDITY_SWEEP"}
    for terms, field in (
        ({"maxRuntime": -1}, "maxRuntime"),
        ({"validationParams": {"testPeriodDays": 0}}, "validationParams.testPeriodDays"),
        ({"optimizationMethod": "random", "optimizationParams": {"nSamples": 0}}, "optimizationParams.nSamples"),
    ):
        assert _error(trader("POST", START, whole | terms))["field"] == field
    assert _error(trader("GET", "/api/training/configurations?stage=VALID"))["field"] == "stage"


def test_events_speak_of_a_request_too() -> None:
    body = {"level": "error", "message": "too few bars: pass --allow-bad-data"}
    told = encoded(Event(7, "job", 1, 2, EventKind.LOG, body)).decode()
    assert "say allowBadData" in told
    assert "--allow" not in told
