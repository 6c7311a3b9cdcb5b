"""What stands before the routes: websockets, sessions, limits, proxies, headers, and the audit log."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from api.asgi import Client
from api.conftest import OPERATED, PASSWORD, PRINTED, People, other, with_people
from api.mounted import mount_bug, mount_sockets, mount_stream
from assay.api.access import Caller, Way, access_of, may_change
from assay.api.app import create_app
from assay.api.bodies import MAX_DEPTH, fault_of
from assay.api.buckets import Buckets
from assay.api.guards import HEADERS
from assay.api.scopes import HostName, client_address, is_known_host, is_same_origin, limited_by, networks
from assay.errors import InputError, StoreError
from assay.store.database import now_ms
from assay.store.schema import Role

if TYPE_CHECKING:
    import asyncio

    from fastapi import FastAPI

    from assay.store import Database

ORIGIN = "http://127.0.0.1:8000"


@pytest.fixture
def with_socket(app: FastAPI) -> None:
    mount_sockets(app)


@pytest.mark.usefixtures("with_socket")
def test_a_websocket_without_a_session_receives_nothing(people: People) -> None:
    nobody = people.client
    access = access_of(people.app)
    viewer = access.accounts.store.user("viewer")
    old = access.accounts.begin_session(viewer, now_ms() - 2 * 86_400_000).secret
    ended = access.accounts.begin_session(viewer, now_ms()).secret
    access.accounts.end_session(ended)
    cookies = {name: nobody.signed_in(None, ("Cookie", f"{access.cookie}={text}")) for name, text in
               (("old", old), ("ended", ended), ("invented", "x" * 43))}  # fmt: skip
    here = people.session("viewer", origin=None)
    refused = [
        (nobody, ORIGIN, 401), (nobody, None, 401), (nobody.signed_in("wrong"), None, 401),
        *((client, ORIGIN, 401) for client in cookies.values()),
        (here, None, 403), (here, "https://evil.example", 403), (here, "null", 403), (here, "http://127.0.0.1:9", 403),
        (people.by_token("admin"), "https://evil.example", 403),
    ]  # fmt: skip
    for client, origin, status in refused:
        sent = client.websocket("/api/socket", origin=origin)
        assert [message["type"] for message in sent] == [
            "websocket.http.response.start",
            "websocket.http.response.body",
        ]
        assert sent[0]["status"] == status, (client, origin)
        assert set(json.loads(sent[1]["body"])) == {"error"}
        (closed,) = client.websocket("/api/socket", origin=origin, denial=False)
        assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
    assert nobody.websocket("/api/socket", host="evil.example")[0]["status"] == 421


@pytest.mark.usefixtures("with_socket")
def test_a_websocket_with_a_session_is_served(people: People) -> None:
    for client, origin in (
        (people.session("viewer", origin=None), ORIGIN),
        (people.by_token("viewer"), None),
        (people.by_token("viewer"), ORIGIN),
    ):
        sent = client.websocket("/api/socket", origin=origin)
        assert [message.get("text") for message in sent[:2]] == [None, "for viewer alone"]
    sent = people.by_token("viewer").websocket("/api/trading-socket")
    assert sent[0]["status"] == 403


def test_signing_in_and_out(people: People) -> None:
    client = people.client
    answer = client("POST", "/api/session", {"name": "trader", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert answer.status == 200
    assert "; HttpOnly; Max-Age=86400; Path=/; SameSite=strict" in cookie
    assert answer.json["name"] == "trader"
    assert "domain" not in cookie.lower()
    browser = client.signed_in(None, ("Cookie", cookie.split(";")[0]), ("Origin", ORIGIN))
    shown = browser("GET", "/api/session").json
    assert shown == {"name": "trader", "role": "trader", "way": "session", "csrf_token": answer.json["csrf_token"]}
    csrf = ("X-CSRF-Token", shown["csrf_token"])
    assert browser("DELETE", "/api/session").code == "wrong_csrf_token"
    assert browser("DELETE", "/api/session", headers=[("X-CSRF-Token", "0" * 64)]).code == "wrong_csrf_token"
    gone = browser("DELETE", "/api/session", headers=[csrf])
    assert gone.status == 204
    assert "Max-Age=0" in gone.headers["set-cookie"]
    assert browser("GET", "/api/session").status == 401


def test_who_has_a_token_begins_a_session_with_it(people: People) -> None:
    for token, name, role in ((PRINTED, "local", "admin"), (people.tokens["viewer"], "viewer", "viewer")):
        answer = people.client("POST", "/api/session", {"token": token})
        assert (answer.json["name"], answer.json["role"], answer.json["way"]) == (name, role, "session")
        browser = people.client.signed_in(None, ("Cookie", answer.headers["set-cookie"].split(";")[0]))
        assert browser("GET", "/api/session").json["name"] == name


@pytest.mark.parametrize(
    "body",
    [
        {"name": "trader", "password": "wrong"}, {"name": "nobody", "password": PASSWORD}, {"token": "wrong"},
        {"name": "trader", "password": ""}, {"name": "", "password": ""}, {"token": ""},
    ],
)  # fmt: skip
def test_a_wrong_sign_in_says_the_same_whoever_is_named(people: People, body: dict[str, str]) -> None:
    answer = people.client("POST", "/api/session", body)
    assert answer.status == 401
    assert answer.json["error"]["message"] == "name, password or token are not right, or the user is disabled"
    assert "set-cookie" not in answer.headers


def test_no_error_repeats_a_password(people: People) -> None:
    secret = "s3cret-" * 60
    admin = people.by_token("admin")
    bodies: list[Any] = [
        {"name": "trader", "password": secret}, {"name": "trader", "token": secret}, {"password": [secret]},
        [secret], secret, {"name": "trader", "passwort": "s3cret-typo", "password": PASSWORD},
    ]  # fmt: skip
    for body in bodies:
        for client, path in ((people.client, "/api/session"), (admin, "/api/users")):
            answer = client("POST", path, body)
            assert answer.status == 422
            assert secret[:14] not in answer.body.decode()
            assert PASSWORD not in answer.body.decode()


def test_the_printed_token_counts_only_where_one_was_printed(sqlite: Database, runner: asyncio.Runner) -> None:
    client = Client(create_app(sqlite, other(token=None)), runner)
    for token in ("", "None", PRINTED):
        assert client.signed_in(token)("GET", "/api/session").status == 401
    session = access_of(create_app(sqlite, OPERATED)).accounts.begin_session(None, now_ms(), server_token=PRINTED)
    cookie = ("Cookie", f"assay_session={session.secret}")
    assert client.signed_in(None, cookie)("GET", "/api/session").status == 401
    restarted = Client(create_app(sqlite, other(token="another")), runner)  # noqa: S106  (of a test)
    assert restarted.signed_in(None, cookie)("GET", "/api/session").status == 401


def test_users_are_managed(people: People) -> None:
    admin = people.by_token("admin")
    made = admin("POST", "/api/users", {"name": "bob", "role": "trader"})
    assert (made.status, made.json["has_password"]) == (201, False)
    assert admin("POST", "/api/users", {"name": "bob"}).code == "conflict"
    issued = admin("POST", "/api/users/bob/tokens", {"label": "notebook", "days": 1}).json
    bob = people.client.signed_in(issued["token"])
    assert bob("GET", "/api/session").json["role"] == "trader"
    assert admin("PATCH", "/api/users/bob", {"role": "viewer"}).json["role"] == "viewer"
    assert bob("GET", "/api/session").json["role"] == "viewer"
    (listed,) = admin("GET", "/api/users/bob/tokens").json["items"]
    assert listed["id"] == issued["id"]
    assert "token" not in listed
    assert admin("DELETE", f"/api/users/bob/tokens/{issued['id']}").json["revoked_at"] is not None
    assert bob("GET", "/api/session").status == 401
    assert admin("PATCH", "/api/users/bob", {"disabled": True}).json["disabled_at"] is not None
    assert admin("POST", "/api/users/bob/tokens", {"label": "x"}).status == 409
    assert admin("PATCH", "/api/users/bob", {"disabled": False}).json["disabled_at"] is None
    assert admin("PATCH", "/api/users/admin", {"role": "viewer"}).code == "conflict"
    names, cursor = [], ""
    while cursor is not None:
        page = admin("GET", f"/api/users?limit=2{cursor and f'&cursor={cursor}'}").json
        names += [user["name"] for user in page["items"]]
        cursor = page["next_cursor"]
    assert names == ["admin", "bob", "trader", "viewer"]


def test_the_audit_log_says_who_did_what(people: People) -> None:
    people.by_token("admin")("POST", "/api/users", {"name": "bob", "role": "trader"})
    people.by_token("viewer")("POST", "/api/users", {"name": "eve"}, address="10.1.2.3")
    people.client("POST", "/api/session", {"name": "trader", "password": PASSWORD})
    people.client("POST", "/api/session", {"name": "trader", "password": "wrong"})
    people.client("POST", "/api/session", {"name": PASSWORD, "password": "trader"})
    people.client("DELETE", "/api/users/bob/tokens/1")
    people.session("admin")("PATCH", "/api/users/bob", {"disabled": True})
    people.by_token("admin")("GET", "/api/users")
    items = people.by_token("admin")("GET", "/api/audit").json["items"]
    found = [tuple(item[key] for key in ("user", "action", "target", "address", "outcome")) for item in reversed(items)]
    assert found == [
        ("admin", "POST /api/users", "bob (trader)", "127.0.0.1", "201"),
        ("viewer", "POST /api/users", None, "10.1.2.3", "403"),
        ("trader", "POST /api/session", None, "127.0.0.1", "200"),
        ("-", "POST /api/session", "trader", "127.0.0.1", "401"),
        ("-", "POST /api/session", None, "127.0.0.1", "401"),
        ("-", "DELETE /api/users/bob/tokens/1", None, "127.0.0.1", "401"),
        ("admin", "PATCH /api/users/{name}", "bob (disabled True)", "127.0.0.1", "200"),
    ]
    assert [item["user"] for item in people.by_token("admin")("GET", "/api/audit?user=viewer").json["items"]] == [
        "viewer"
    ]
    page = people.by_token("admin")("GET", "/api/audit?limit=3").json
    rest = people.by_token("admin")("GET", f"/api/audit?limit=100&cursor={page['next_cursor']}").json
    assert [item["id"] for item in page["items"] + rest["items"]] == [item["id"] for item in items]


def test_strangers_do_not_fill_the_audit_log(people: People) -> None:
    for _ in range(100):
        people.client("DELETE", "/api/session")
    assert 59 <= len(access_of(people.app).accounts.store.audit(1_000, user="-")) <= 62


def test_a_bug_is_written_down_and_has_the_headers(people: People) -> None:
    mount_bug(people.app)
    answer = people.by_token("viewer")("POST", "/api/bug")
    assert (answer.status, answer.code) == (500, "internal_error")
    assert HEADERS.items() <= {name: answer.headers.get(name.lower()) for name in HEADERS}.items()
    (entry,) = access_of(people.app).accounts.store.audit(1)
    assert (entry.action, entry.outcome) == ("POST /api/bug", "500")


def test_a_database_that_is_away_is_no_way_in(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreError("postgresql://host/name", "cannot be reached")

    monkeypatch.setattr(access_of(people.app).accounts.store, "by_token", away)
    answer = people.by_token("admin")("GET", "/api/users")
    assert (answer.status, answer.code) == (503, "database_unavailable")
    assert "postgresql" not in answer.body.decode()


def test_every_answer_has_the_headers(people: People, sqlite: Database, runner: asyncio.Runner) -> None:
    for answer in (
        people.by_token("viewer")("GET", "/api/session"),
        people.client("GET", "/api/session"),
        people.client("GET", "/api/session", host="evil.example"),
        people.by_token("viewer")("GET", "/api/nothing"),
        people.by_token("viewer")("PUT", "/api/session"),
    ):
        assert HEADERS.items() <= {name: answer.headers.get(name.lower()) for name in HEADERS}.items()
        assert "strict-transport-security" not in answer.headers
        assert "server" not in answer.headers
    secure = Client(create_app(sqlite, other(secure_cookies=True)), runner)
    answer = secure("POST", "/api/session", {"token": PRINTED}, headers=[("Origin", "https://127.0.0.1:8000")])
    assert answer.headers["strict-transport-security"]
    assert answer.headers["set-cookie"].startswith("__Host-assay_session=")
    assert "; Secure" in answer.headers["set-cookie"]
    assert secure("POST", "/api/session", {"token": PRINTED}, headers=[("Origin", ORIGIN)]).code == "foreign_origin"


def test_pages_that_the_operator_named_may_ask_with_a_token(sqlite: Database, runner: asyncio.Runner) -> None:
    app = create_app(sqlite, other(allow_origins=("https://studio.example",)))
    people = with_people(app, Client(app, runner))
    ours, asks = ("Origin", "https://studio.example"), ("Access-Control-Request-Method", "POST")
    preflight = people.client("OPTIONS", "/api/users", headers=[ours, asks])
    assert (preflight.status, preflight.headers["access-control-allow-origin"]) == (204, "https://studio.example")
    assert "access-control-allow-credentials" not in preflight.headers
    assert people.client("OPTIONS", "/api/users", headers=[("Origin", "https://evil.example"), asks]).status == 403
    answer = people.by_token("admin")("POST", "/api/users", {"name": "bob"}, headers=[ours])
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (201, "https://studio.example")
    assert people.session("admin", origin=None)("POST", "/api/users", {"name": "eve"}, headers=[ours]).status == 403
    assert people.by_token("admin")("GET", "/api/users", headers=[ours]).headers["vary"] == "Origin"


def test_too_many_requests(sqlite: Database, runner: asyncio.Runner) -> None:
    app = create_app(sqlite, other(requests_per_minute=5))
    people = with_people(app, Client(app, runner))
    statuses = [people.client("GET", "/api/session").status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    answer = people.client("GET", "/api/session")
    assert (answer.code, answer.headers["retry-after"]) == ("too_many_requests", "12")
    viewer = people.by_token("viewer")
    found = [viewer("GET", "/api/session", address=f"10.0.0.{i}").status for i in range(6)]
    assert found == [200] * 5 + [429]  # one user, from however many addresses
    assert people.by_token("trader")("GET", "/api/session", address="10.0.0.1").status == 200


def test_guessing_is_slow(sqlite: Database, runner: asyncio.Runner) -> None:
    app = create_app(sqlite, other(failed_sign_ins_per_minute=3))
    people = with_people(app, Client(app, runner))
    wrong, right = {"name": "trader", "password": "wrong"}, {"name": "trader", "password": PASSWORD}
    assert [people.client("POST", "/api/session", right).status for _ in range(5)] == [200] * 5
    assert [people.client("POST", "/api/session", wrong).status for _ in range(4)] == [401] * 3 + [429]
    assert people.client("POST", "/api/session", right).status == 429
    assert people.client("POST", "/api/session", right, address="10.0.0.1").status == 200
    many = [people.client("POST", "/api/session", wrong, address=f"10.0.1.{i}").status for i in range(9)]
    assert many == [401] * 6 + [429] * 3  # one name, from however many addresses
    guessed = [people.client.signed_in(f"guess {i}")("GET", "/api/session").status for i in range(31)]
    assert guessed == [401] * 30 + [429]
    assert people.by_token("viewer")("GET", "/api/session").status == 429
    assert people.by_token("viewer")("GET", "/api/session", address="10.0.0.1").status == 200


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    buckets = Buckets(60, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(60)] == [0.0] * 60
    assert buckets.take("a") == pytest.approx(1.0)
    assert buckets.take("b") == 0.0
    now[0] = 0.5
    assert buckets.wait("a") == pytest.approx(0.5)
    now[0] = 1.0
    assert buckets.wait("a") == buckets.take("a") == 0.0
    buckets.give_back("a")
    assert buckets.take("a") == 0.0
    now[0] = 1e6
    assert [buckets.take("a") for _ in range(61)].count(0.0) == 60


def test_proxies_are_believed_only_where_the_operator_named_them() -> None:
    def address(peer: str, forwarded: list[str], *trusted: str) -> str:
        headers = [(b"x-forwarded-for", text.encode()) for text in forwarded]
        return client_address({"client": (peer, 1), "headers": headers}, networks(trusted))

    assert address("10.0.0.1", ["1.2.3.4"]) == "10.0.0.1"
    assert address("10.0.0.1", ["1.2.3.4"], "10.0.0.2") == "10.0.0.1"
    assert address("10.0.0.1", ["1.2.3.4"], "10.0.0.0/8") == "1.2.3.4"
    assert address("10.0.0.1", ["6.6.6.6, 1.2.3.4, 10.0.0.9"], "10.0.0.0/8") == "1.2.3.4"
    assert address("10.0.0.1", ["6.6.6.6", "1.2.3.4"], "10.0.0.0/8") == "1.2.3.4"
    assert address("10.0.0.1", ["6.6.6.6, nonsense"], "10.0.0.0/8") == "10.0.0.1"
    assert address("10.0.0.1", [], "10.0.0.0/8") == "10.0.0.1"
    with pytest.raises(InputError, match="addresses or networks"):
        networks(("proxy.example",))
    assert client_address({"client": None, "headers": []}, ()) == "local"
    assert limited_by("2001:db8::1") == limited_by("2001:db8::ffff") == "2001:db8::/64"


def test_hosts_and_origins() -> None:
    for text in ("127.0.0.1", "localhost:8000", "LOCALHOST", "[::1]:8000", "localhost.", "assay.example:443"):
        assert is_known_host(HostName.of(text), ("assay.example",)), text
    for wrong in (
        "",
        None,
        "evil.example",
        "localhost@evil",
        "localhost:port",
        "127.0.0.1:8000:1",
        "a b",
        "[::1",
        "::1",
    ):
        assert not is_known_host(HostName.of(wrong), ("assay.example",)), wrong
    host = HostName("assay.example", None)
    assert is_same_origin("https://assay.example", host, secure=True)
    assert is_same_origin("https://assay.example:443", host, secure=True)
    assert is_same_origin("http://assay.example", host, secure=False)
    for origin in (
        "http://assay.example", "https://assay.example:8443", "https://assay.example.evil", "null", "",
        "https://assay.example/path", "https://a@assay.example", "https://assay.example:x", "file://assay.example",
    ):  # fmt: skip
        assert not is_same_origin(origin, host, secure=True), origin


@given(st.text(max_size=80))
def test_no_text_is_a_fault_of_ours(text: str) -> None:
    HostName.of(text)
    is_same_origin(text, HostName("localhost", 8000), secure=False)
    limited_by(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab[{"\\', max_size=4), inner, max_size=4),
)  # fmt: skip


@given(JSON, st.booleans())
def test_json_is_let_through(value: Any, escaped: bool) -> None:
    assert fault_of(json.dumps(value, ensure_ascii=escaped).encode()) is None


@given(st.binary(max_size=60) | st.text('[]{}"\\,:1', max_size=60).map(str.encode))
def test_bytes_are_judged_without_failing(body: bytes) -> None:
    fault_of(body)


def test_json_that_somebody_could_stumble_over() -> None:
    assert fault_of(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is None
    assert fault_of(b"[" * (MAX_DEPTH + 1)) is not None
    assert fault_of(b'"' + b"[" * 1_000 + b'"') is None
    assert fault_of(b'{"a": NaN}') is not None
    assert fault_of(rb'{"a": "\u0000"}') is not None
    assert fault_of(rb'{"\ud800": 1}') is not None
    assert fault_of(rb'["\ud83d\ude00", "\\u0000"]') is None
    assert fault_of(b"no json") is None
    for text in ('["\\u0000"]', "[1]"):
        assert fault_of(text.encode("utf-16-le")) is not None
    assert fault_of(b"\xef\xbb\xbf[1]") is not None
    assert fault_of(b'["\xed\xa0\x80"]') is not None
    assert fault_of(b"[" + b"9" * 5_000 + b"]") is not None


@pytest.mark.parametrize("body", [b'"' + b'\\"' * 500_000, b"[]" * 500_000, b'""' * 500_000, b'["\\u0041"' * 100_000])
def test_no_body_takes_long_to_judge(body: bytes) -> None:
    begun = time.process_time()
    fault_of(body)
    assert time.process_time() - begun < 5.0  # what grows with the square of the length takes minutes


def test_what_is_anothers_is_changed_by_admins_alone() -> None:
    def caller(name: str, role: Role) -> Caller:
        return Caller(name, role, name, Way.TOKEN)

    may_change(caller("ada", Role.TRADER), "ada")
    may_change(caller("root", Role.ADMIN), "ada")
    for owner in ("bob", None):
        with pytest.raises(HTTPException) as refused:
            may_change(caller("ada", Role.TRADER), owner)
        assert refused.value.status_code == 403


def test_an_open_stream_learns_that_its_user_was_disabled(people: People) -> None:
    seen: list[bool] = []
    mount_stream(people.app, seen)
    assert people.by_token("trader")("GET", "/api/stream").status == 200
    assert seen == [True, False]
