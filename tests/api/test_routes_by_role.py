"""Every route x who asks: a table that is made from the app, so that a new route is in it by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from api.mounted import mount_sockets
from api.table import RANK, Row, routes_of
from assay.api.access import PUBLIC, access_of
from assay.api.scopes import SAFE
from assay.store.database import now_ms
from assay.store.schema import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from api.asgi import Answer, Client
    from api.conftest import People

EVIL = ("Origin", "https://evil.example")
NOBODY = ("no token", "wrong token", "not a bearer", "expired", "revoked", "disabled", "old session")


def rows(app: FastAPI) -> list[Row]:
    found = routes_of(app)
    assert len(found) > 10
    return found


def is_public(row: Row) -> bool:
    return (row.method, row.path) in PUBLIC


def test_every_route_names_its_least_role(app: FastAPI) -> None:
    assert [str(row) for row in rows(app) if row.role is None and not is_public(row)] == []
    assert [str(row) for row in rows(app) if row.role is not None and is_public(row)] == []


def test_who_may_change_something_is_no_viewer(app: FastAPI) -> None:
    """Only signing out, and asking what a training would cost, are open to viewers."""
    allowed = {"DELETE /api/session", "POST /api/training/estimate", "POST /api/check"}
    unsafe = [row for row in rows(app) if row.method not in SAFE and row.role is Role.VIEWER]
    assert {str(row) for row in unsafe} - allowed == set()


def nobodies(people: People) -> dict[str, Client]:
    accounts, client = access_of(people.app).accounts, people.client
    store, at = accounts.store, now_ms()
    expired = accounts.issue_token("admin", "tests", 1.0, at - 2 * 86_400_000).secret
    revoked = accounts.issue_token("admin", "tests", 1.0, at)
    store.revoke("admin", revoked.facts.id, at)
    accounts.add("gone", Role.ADMIN, None, at)
    disabled = accounts.issue_token("gone", "tests", 1.0, at).secret
    session = accounts.begin_session(store.user("admin"), at - 2 * 86_400_000)
    store.disable("gone", at)
    old = (("Cookie", f"{access_of(people.app).cookie}={session.secret}"), ("X-CSRF-Token", session.csrf))
    wrong = people.tokens["admin"][:-1] + ("A" if people.tokens["admin"][-1] != "A" else "B")
    found = {
        "no token": client,
        "wrong token": client.signed_in(wrong),
        "not a bearer": client.signed_in(None, ("Authorization", f"Basic {people.tokens['admin']}")),
        "expired": client.signed_in(expired),
        "revoked": client.signed_in(revoked.secret),
        "disabled": client.signed_in(disabled),
        "old session": client.signed_in(None, *old, ("Origin", "http://127.0.0.1:8000")),
    }
    assert tuple(found) == NOBODY
    return found


def test_nobody_is_refused_everywhere(people: People) -> None:
    wrong = []
    for who, client in nobodies(people).items():
        for row in rows(people.app):
            if row.method == "WEBSOCKET":
                continue
            answer = client(row.method, row.filled, only_status=True)
            if (answer.status == 401) == is_public(row) and str(row) != "POST /api/session":
                wrong.append((who, str(row), answer.status))
    assert wrong == []


def admitted(row: Row, role: str) -> bool:
    return row.role is None or RANK[Role(role)] >= RANK[row.role]


def check(people: People, ask: Callable[[Row], Answer], expected: Callable[[Row], int | None]) -> None:
    """Compare the status of every route; where None is expected, the route itself was reached and had no bug."""
    wrong = []
    for row in rows(people.app):
        if row.method == "WEBSOCKET":
            continue
        status, due = ask(row).status, expected(row)
        is_right = status == due if due else status not in (0, 401, 403, 421, 429) and status < 500
        if not is_right:
            wrong.append((str(row), status, due))
    assert wrong == []


@pytest.mark.parametrize("way", ["token", "session"])
@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_what_it_may(people: People, role: str, way: str) -> None:
    def ask(row: Row) -> Answer:
        client = people.by_token(role) if way == "token" else people.session(role)
        return client(row.method, row.filled, only_status=True)

    check(people, ask, lambda row: None if admitted(row, role) else 403)


def test_the_printed_token_may_everything(people: People) -> None:
    from api.conftest import PRINTED

    client = people.client.signed_in(PRINTED)
    check(people, lambda row: client(row.method, row.filled, only_status=True), lambda _: None)


@pytest.mark.parametrize("what", ["csrf", "origin"])
def test_a_session_changes_nothing_without_both_proofs(people: People, what: str) -> None:
    def ask(row: Row) -> Answer:
        client = people.session(
            "admin", csrf=what != "csrf", origin=None if what == "origin" else "http://127.0.0.1:8000"
        )
        return client(row.method, row.filled, only_status=True)

    check(people, ask, lambda row: 403 if row.method not in SAFE and not is_public(row) else None)


@pytest.mark.parametrize("by", ["token", "session"])
def test_pages_of_other_sites_change_nothing_and_read_nothing(people: People, by: str) -> None:
    def ask(row: Row) -> Answer:
        client = people.by_token("admin") if by == "token" else people.session("admin", origin=None)
        answer = client(row.method, row.filled, headers=[EVIL], only_status=True)
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        return answer

    check(people, ask, lambda row: None if row.method in SAFE else 403)


def test_no_other_host_is_answered(people: People) -> None:
    client = people.by_token("admin")
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", None):
        check(people, lambda row, host=host: client(row.method, row.filled, host=host, only_status=True), lambda _: 421)  # type: ignore[misc]


def test_what_is_no_route_is_not_shown_to_strangers(people: People) -> None:
    assert people.client("GET", "/api/nothing").status == 401
    assert people.by_token("viewer")("GET", "/api/nothing").code == "not_found"


def test_no_websocket_is_opened_for_nobody(people: People) -> None:
    """All of the app, and two that only tests have, so that the table is never empty."""
    mount_sockets(people.app)
    sockets = [row for row in rows(people.app) if row.method == "WEBSOCKET"]
    assert len(sockets) >= 2
    callers = {**nobodies(people), "no origin": people.session("admin", origin=None)}
    for row in sockets:
        assert row.role is not None, str(row)
        for who, client in callers.items():
            sent = client.websocket(row.filled)
            assert sent[0]["type"] == "websocket.http.response.start", (str(row), who)
            assert sent[0]["status"] in (401, 403), (str(row), who)
