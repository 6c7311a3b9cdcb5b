"""Attacks with their outcomes; docs/security.md has the same list."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
import uvicorn

from api.asgi import Client
from api.conftest import OPERATED, PASSWORD, other, with_people
from api.mounted import mount_upload
from api.table import routes_of
from assay.api.access import access_of
from assay.api.app import create_app
from assay.api.bodies import UPLOADS
from assay.store.schema import users

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

    from api.asgi import Answer
    from api.conftest import People
    from assay.store import Database

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
KIB = 1_024
JSON_TYPE = ("Content-Type", "application/json")


def raw(people: People, path: str, body: bytes, *headers: tuple[str, str], kind: str = "application/json") -> Answer:
    length = ("Content-Length", str(len(body)))
    all_headers = [length, *headers] + ([("Content-Type", kind)] if kind else [])
    return people.by_token("admin")("POST", path, parts=[body], headers=all_headers)


def streamed(people: People, path: str, parts: list[bytes | None], kind: str = "application/json") -> Answer:
    headers = [("Transfer-Encoding", "chunked"), ("Content-Type", kind)]
    return people.by_token("admin")("POST", path, parts=parts, headers=headers)


def get(path: str, *headers: tuple[str, str], **more: Any) -> Callable[[People], Answer]:
    return lambda people: people.by_token("admin")("GET", path, headers=headers, **more)


def user(body: str, *headers: tuple[str, str], kind: str = "application/json") -> Callable[[People], Answer]:
    return lambda people: raw(people, "/api/users", body.encode(), *headers, kind=kind)


BIG = b"x" * (64 * KIB)

ATTACKS: dict[str, tuple[Callable[[People], Answer], str]] = {
    "a path that climbs (`/api/../../etc/passwd`)": (get("/api/../../etc/passwd"), "404 `not_found`"),
    "the same, encoded, in the place of a name": (get("/api/users/..%2f..%2fetc%2fpasswd/tokens"), "404 `not_found`"),
    "a zero byte in a path": (get("/api/users/a%00b/tokens"), "400 `bad_request`"),
    "a line break in a query, to end up in a header": (
        get("/api/audit?user=a%0d%0aSet-Cookie:%20a=b"), "400 `bad_request`",
    ),
    "a query of 10 KB": (get("/api/audit?user=" + "a" * 10_000), "414 `address_too_long`"),
    "headers of 40 KB": (get("/api/users", ("X-Filler", "a" * 40_000)), "431 `headers_too_large`"),
    "two Host headers": (get("/api/users", ("Host", "evil.example")), "400 `bad_request`"),
    "two Authorization headers": (get("/api/users", ("Authorization", "Bearer x")), "400 `bad_request`"),
    "another name for this machine (DNS rebinding)": (get("/api/users", host="evil.example"), "421 `wrong_host`"),
    "a token in the address": (
        lambda p: p.client("GET", f"/api/users?token={p.tokens['admin']}"), "401 `unauthorized`",
    ),
    "a form of another site's page": (
        lambda p: p.session("admin", origin=None)(
            "POST", "/api/users", parts=[b"name=eve"],
            headers=[("Content-Type", "text/plain"), ("Content-Length", "8"), ("Origin", "https://evil.example")],
        ), "403 `foreign_origin`",
    ),
    "a form in the place of JSON": (
        user("name=eve", kind="application/x-www-form-urlencoded"), "415 `unsupported_media_type`",
    ),
    "JSON that calls itself text": (user('{"name": "eve"}', kind="text/plain"), "415 `unsupported_media_type`"),
    "JSON without a type": (user('{"name": "eve"}', kind=""), "415 `unsupported_media_type`"),
    "JSON in UTF-16": (
        user('{"name": "eve"}', kind="application/json; charset=utf-16"), "415 `unsupported_media_type`",
    ),
    "a packed body (10 MB of zeros in 10 KB)": (
        lambda p: raw(p, "/api/users", gzip.compress(bytes(10_000_000)), ("Content-Encoding", "gzip")),
        "415 `unsupported_media_type`",
    ),
    "a body longer than the limit": (lambda p: raw(p, "/api/users", b" " * (1_025 * KIB)), "413 `too_large`"),
    "the same in parts, without saying how long": (lambda p: streamed(p, "/api/users", [BIG] * 17), "413 `too_large`"),
    "a file longer than the limit, in parts": (
        lambda p: streamed(p, f"{UPLOADS[0]}/tests", [BIG] * 40, "application/octet-stream"), "413 `too_large`",
    ),
    "a Content-Length that is no number": (
        lambda p: p.by_token("admin")("POST", "/api/users", headers=[JSON_TYPE, ("Content-Length", "-1")]),
        "400 `bad_request`",
    ),
    "a body that never comes": (lambda p: streamed(p, "/api/users", [b'{"name":', None]), "408 `timeout`"),
    "a file that never comes": (
        lambda p: streamed(p, f"{UPLOADS[0]}/tests", [b"x", None], "application/octet-stream"), "408 `timeout`",
    ),
    "JSON 100,000 lists deep": (user("[" * 100_000), "422 `invalid_input`"),
    "NaN in JSON": (user('{"name": "eve", "days": NaN}'), "422 `invalid_input`"),
    "a zero character in JSON": (user('{"name": "eve\\u0000"}'), "422 `invalid_input`"),
    "half of a surrogate pair in JSON": (user('{"name": "\\ud800"}'), "422 `invalid_input`"),
    "a number of 5,000 digits": (
        lambda p: raw(p, "/api/users/viewer/tokens", b'{"label": "x", "days": ' + b"9" * 5_000 + b"}"),
        "422 `invalid_input`",
    ),
    "fields that nobody may set (`id`, `has_password`)": (user('{"name": "eve", "id": "1"}'), "422 `invalid_input`"),
    "a viewer who makes an admin of himself": (
        lambda p: p.by_token("viewer")("PATCH", "/api/users/viewer", {"role": "admin"}), "403 `forbidden`",
    ),
    "TRACE": (lambda p: p.by_token("admin")("TRACE", "/api/users"), "405 `method_not_allowed`"),
}  # fmt: skip


@pytest.fixture
def attacked(sqlite: Database, runner: asyncio.Runner) -> People:
    """An app with a route that takes files."""
    app = create_app(sqlite, other(upload_limit=2_048 * KIB))
    mount_upload(app)
    return with_people(app, Client(app, runner))


def test_attacks_end_as_the_page_says(attacked: People) -> None:
    outcomes, text = {}, PAGE.read_text()
    for name, (attack, _) in ATTACKS.items():
        answer = attack(attacked)
        outcomes[name] = f"{answer.status} `{answer.code}`"
        assert "assay_" not in answer.body.decode()
        assert "Traceback" not in answer.body.decode()
    assert outcomes == {name: outcome for name, (_, outcome) in ATTACKS.items()}
    assert [name for name, outcome in outcomes.items() if f"| {name} | {outcome} |" not in text] == []
    assert [user.name for user in access_of(attacked.app).accounts.store.users(9)] == ["admin", "trader", "viewer"]


def test_the_page_lists_no_other_attack() -> None:
    listed = re.findall(r"^\| (.+?) \| \d{3} `\w+` \|$", PAGE.read_text(), flags=re.MULTILINE)
    assert listed == list(ATTACKS)


def test_files_within_the_limit_pass(attacked: People) -> None:
    answer = streamed(attacked, f"{UPLOADS[0]}/tests", [BIG] * 32, "application/octet-stream")
    assert (answer.status, answer.json) == (200, 2_048 * KIB)


def test_what_says_that_it_is_too_long_is_not_read(attacked: People) -> None:
    for path, limit in (("/api/session", 1_024 * KIB), (f"{UPLOADS[0]}/tests", 2_048 * KIB)):
        headers = [JSON_TYPE, ("Content-Length", str(limit + 1))]
        answer = attacked.client("POST", path, parts=[b"", None], headers=headers)
        assert (answer.status, answer.headers["connection"]) == (413, "close")


def test_headers_that_override_are_not_read(attacked: People) -> None:
    session = attacked.session("admin")
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert session("GET", "/api/session", headers=[(name, "DELETE")]).status == 200
        assert session("GET", "/api/session?_method=DELETE").status == 200
    for name, text in (
        ("X-Forwarded-Host", "evil.example"), ("X-Original-URL", "/api/health"), ("X-Rewrite-URL", "/api/health"),
        ("Forwarded", "host=evil.example"),
    ):  # fmt: skip
        assert session("GET", "/api/users", headers=[(name, text)]).status == 200
        assert attacked.client("GET", "/api/users", headers=[(name, text)]).status == 401
        assert (
            attacked.client(
                "GET", "/api/users", host="evil.example", headers=[("X-Forwarded-Host", "localhost")]
            ).status
            == 421
        )


def test_a_session_that_somebody_else_chose_is_not_taken_over(attacked: People) -> None:
    chosen = "x" * 43
    cookie = ("Cookie", f"assay_session={chosen}")
    answer = attacked.client("POST", "/api/session", {"name": "admin", "password": PASSWORD}, headers=[cookie])
    assert answer.status == 200
    assert chosen not in answer.headers["set-cookie"]
    assert attacked.client("GET", "/api/session", headers=[cookie]).status == 401


SQL = (
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    '" OR ""="',
    "1) OR (1=1",
    "%' UNION SELECT * FROM users --",
    "\\",
    "a" * 5_000,
)


def test_sql_in_every_parameter_of_every_reading_route(database: Database, runner: asyncio.Runner) -> None:
    """On both kinds of database; the routes and their parameters are found, not listed."""
    app = create_app(database, OPERATED)
    people = with_people(app, Client(app, runner))
    admin, tried, wrong = people.by_token("admin"), 0, []
    for row in routes_of(app):
        for where, name in row.strings if row.method == "GET" else ():
            for text in SQL:
                coded = "".join(f"%{byte:02x}" for byte in text.encode())
                path = row.filled_with(name, coded) if where == "path" else f"{row.filled}?{name}={coded}"
                answer = admin("GET", path, only_status=True)
                tried += 1
                if answer.status not in (200, 400, 404, 409, 414, 422):
                    wrong.append((str(row), name, text, answer.status))
    assert wrong == []
    assert tried >= 5 * len(SQL)
    assert database.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(users)).scalar_one()) == 3
    assert admin("GET", "/api/audit?user=%27%20OR%20%271%27=%271").json["items"] == []


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    """Serve an app to real sockets, on a thread; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_config=None, lifespan="off", proxy_headers=False, server_header=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def sent(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
        return answer


def test_attacks_over_real_sockets(people: People) -> None:
    token = people.tokens["admin"].encode()
    with served(people.app) as port:
        host = b"Host: 127.0.0.1:%d\r\n" % port
        end = b"Connection: close\r\n\r\n"
        bearer = b"Authorization: Bearer " + token + b"\r\n"
        upgrade = (
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        json_type = b"Content-Type: application/json\r\n"

        def status(data: bytes) -> int:
            return int(sent(port, data).split(b" ", 2)[1])

        assert status(b"GET /api/users HTTP/1.1\r\n" + host + bearer + end) == 200
        assert status(b"GET /api/users HTTP/1.1\r\n" + host + end) == 401
        assert status(b"GET /api/users HTTP/1.1\r\n" + host + b"Host: evil.example\r\n" + bearer + end) == 400
        assert status(b"GET /api/users HTTP/1.1\r\nHost: evil.example\r\n" + bearer + end) == 421
        assert status(b"GET /api/users HTTP/1.0\r\n" + bearer + end) in (400, 421)
        assert status(b"GET /api/users HTTP/1.1\r\n" + host + bearer + b"X: " + b"a" * 200_000 + b"\r\n" + end) >= 400
        assert status(b"GET /api/users HTTP/1.1\r\n" + host + bearer + b"X: a\0b\r\n" + end) >= 400
        slow = b"POST /api/users HTTP/1.1\r\n" + host + bearer + json_type + b"Content-Length: 20\r\n" + end + b"{"
        assert status(slow) == 408
        both = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"
        smuggled = b"0\r\n\r\nGET /api/users HTTP/1.1\r\n" + host + bearer + end
        answer = sent(port, b"POST /api/users HTTP/1.1\r\n" + host + json_type + both + b"\r\n" + smuggled)
        assert answer.count(b"HTTP/1.1 200") == 0
        refused = sent(port, b"GET /api/socket HTTP/1.1\r\n" + host + upgrade)
        assert refused.startswith(b"HTTP/1.1 401")
        assert json.loads(refused.partition(b"\r\n\r\n")[2])["error"]["code"] == "unauthorized"
        assert b"server:" not in refused.lower()
