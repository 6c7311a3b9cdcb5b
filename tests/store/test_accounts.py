"""Users, tokens, sessions and the audit log, on both kinds of database."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import ConflictError, InputError, NotFoundError, StoreError
from assay.service.accounts import (
    Accounts,
    BusyError,
    PasswordCost,
    check_name,
    csrf_of,
    is_csrf,
    is_loopback,
    refuse_open_server,
)
from assay.store import Database
from assay.store.accounts import TOUCH_MS, AuditEntry
from assay.store.schema import Role, access_tokens, audit_log, sessions, users

CHEAP = PasswordCost(passes=1, memory_kib=8, lanes=1)
PASSWORD = "correct horse battery"  # noqa: S105  (of the tests' users)
DAY = 86_400_000


@pytest.fixture
def accounts(database: Database) -> Accounts:
    made = Accounts(database, CHEAP)
    made.add("ada", Role.ADMIN, PASSWORD, 0)
    return made


def test_users(accounts: Accounts) -> None:
    store = accounts.store
    made = accounts.add("bob", Role.VIEWER, None, 5)
    assert (made.name, made.role, made.has_password, made.created_ms, made.disabled_ms) == (
        "bob",
        "viewer",
        False,
        5,
        None,
    )
    assert [user.name for user in store.users(10)] == ["ada", "bob"]
    assert [user.name for user in store.users(1, after="ada")] == ["bob"]
    assert store.set_role("bob", Role.TRADER) == store.user("bob")
    with pytest.raises(ConflictError, match="there is a user of this name"):
        accounts.add("bob", Role.VIEWER, None, 5)
    with pytest.raises(NotFoundError, match="Did you mean 'bob'"):
        store.user("bobb")


def test_a_disabled_user_loses_every_way_in_at_once(accounts: Accounts) -> None:
    store = accounts.store
    bob = accounts.add("bob", Role.TRADER, PASSWORD, 0)
    token = accounts.issue_token("bob", "tests", 1, 0).secret
    session = accounts.begin_session(bob, 0)
    assert accounts.user_of_token(token, 1) == bob
    assert accounts.session(session.secret, 1) is not None
    assert store.disable("bob", 7).disabled_ms == 7
    assert store.disable("bob", 9).disabled_ms == 7
    assert accounts.user_of_token(token, 8) is None
    assert accounts.session(session.secret, 8) is None
    assert accounts.sign_in("bob", PASSWORD) is None
    with pytest.raises(ConflictError, match="is disabled"):
        accounts.issue_token("bob", "tests", 1, 8)
    store.enable("bob")
    assert accounts.sign_in("bob", PASSWORD) == bob
    assert accounts.user_of_token(token, 8) is None
    assert accounts.session(session.secret, 8) is None


def test_the_last_admin_stays(accounts: Accounts) -> None:
    store = accounts.store
    with pytest.raises(ConflictError, match="the only admin"):
        store.disable("ada", 1)
    with pytest.raises(ConflictError, match="the only admin"):
        store.set_role("ada", Role.TRADER)
    assert store.set_role("ada", Role.ADMIN).disabled_ms is None
    accounts.add("bob", Role.ADMIN, None, 0)
    store.disable("bob", 1)
    with pytest.raises(ConflictError, match="the only admin"):
        store.disable("ada", 1)


def test_a_token_ends(accounts: Accounts) -> None:
    made = accounts.issue_token("ada", "notebook", 90, 1_000)
    ends = made.facts.expires_ms
    assert ends == 1_000 + 90 * DAY
    assert accounts.user_of_token(made.secret, ends - 1) is not None
    assert accounts.user_of_token(made.secret, ends) is None
    assert accounts.store.revoke("ada", made.facts.id, 50).revoked_ms == 50
    assert accounts.store.revoke("ada", made.facts.id, 60).revoked_ms == 50
    assert accounts.user_of_token(made.secret, 70) is None
    with pytest.raises(NotFoundError):
        accounts.store.revoke("ada", "0123456789abcdef", 1)
    for days in (0, -1, 4_000, float("nan")):
        with pytest.raises(InputError, match="must lie in"):
            accounts.issue_token("ada", "x", days, 0)


def test_when_a_token_was_last_used_is_known_to_a_minute(accounts: Accounts) -> None:
    made = accounts.issue_token("ada", "tests", 1, 0)
    for at, known in ((10, 10), (11, 10), (10 + TOUCH_MS, 10 + TOUCH_MS)):
        accounts.user_of_token(made.secret, at)
        assert accounts.store.tokens("ada")[0].last_used_ms == known


def test_a_token_lets_in_where_nothing_can_be_written(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, or a database that another process writes to for long: reading goes on, and asks once a minute."""
    token, asked = accounts.issue_token("ada", "x", 1.0, 1).secret, []

    def full(work: object) -> None:
        asked.append(work)
        raise StoreError("database", "has no space left on its disk")

    monkeypatch.setattr(type(accounts.store.database), "write", lambda _, work: full(work))
    for at in (10, 11, 10 + TOUCH_MS):
        user = accounts.user_of_token(token, at)
        assert user is not None
        assert user.name == "ada"
    assert len(asked) == 2


def test_only_hashes_are_stored(accounts: Accounts, database: Database) -> None:
    token = accounts.issue_token("ada", "tests", 1, 0).secret
    session = accounts.begin_session(accounts.store.user("ada"), 0)
    stored = database.read(
        lambda c: repr([list(c.execute(sa.select(table))) for table in (users, access_tokens, sessions)])
    )
    assert "$argon2id$" in stored
    for secret in (PASSWORD, token, token.split("_", 2)[2], session.secret, session.csrf):
        assert secret not in stored
    assert all(secret not in repr(made) for made, secret in ((session, session.secret), (session, session.csrf)))


def test_sessions(accounts: Accounts) -> None:
    ada = accounts.store.user("ada")
    session, another = accounts.begin_session(ada, 0), accounts.begin_session(ada, 0)
    found = accounts.session(session.secret, 1)
    assert found is not None
    assert (found.user, found.expires_ms) == (ada, session.expires_ms)
    assert is_csrf(found, session.csrf)
    assert session.csrf == csrf_of(session.secret)
    assert not is_csrf(found, another.csrf)
    assert not is_csrf(found, "")
    assert accounts.session(session.secret, session.expires_ms) is None
    accounts.end_session(session.secret)
    assert accounts.session(session.secret, 1) is None
    accounts.set_password("ada", "another password")
    assert accounts.session(another.secret, 1) is None
    for wrong in ("", "x" * 43, "é" * 43, "x" * 5_000):
        assert accounts.session(wrong, 1, server_token="t") is None  # noqa: S106  (of a test)


def test_a_session_by_the_printed_token_ends_with_it(accounts: Accounts) -> None:
    session = accounts.begin_session(None, 0, server_token="of the first start")  # noqa: S106  (of a test)
    found = accounts.session(session.secret, 1, server_token="of the first start")  # noqa: S106  (of a test)
    assert found is not None
    assert found.user is None
    for token in ("of the second start", "", None):
        assert accounts.session(session.secret, 1, server_token=token) is None


def test_the_audit_log_is_appended_to(accounts: Accounts, database: Database) -> None:
    for i in range(3):
        accounts.store.record(AuditEntry(0, i, "ada" if i else "bob", "POST /x", f"{i}", "127.0.0.1", "200"))
    found = accounts.store.audit(2)
    assert [entry.target for entry in found] == ["2", "1"]
    assert [entry.target for entry in accounts.store.audit(2, before=found[-1].id)] == ["0"]
    assert [entry.target for entry in accounts.store.audit(9, user="bob")] == ["0"]
    for change in (sa.update(audit_log).values(user_name="eve"), sa.delete(audit_log)):
        with pytest.raises(StoreError, match="append-only"):
            database.write(lambda c, change=change: c.execute(change))  # type: ignore[misc]


# from here on the kind of database does not matter


@pytest.fixture
def on_file(tmp_path: Path, sqlite_template: bytes) -> Accounts:
    (tmp_path / "a.db").write_bytes(sqlite_template)
    made = Accounts(Database.open(tmp_path / "a.db", upgrade=False), CHEAP)
    made.add("ada", Role.ADMIN, PASSWORD, 0)
    return made


def test_every_wrong_sign_in_costs_one_hash(on_file: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    on_file.add("bob", Role.VIEWER, None, 0)
    on_file.add("eve", Role.VIEWER, PASSWORD, 0)
    on_file.store.disable("eve", 1)
    hashed: list[str] = []
    verify = on_file._verify

    def counted(of: str, given: str) -> bool:
        hashed.append(of)
        return verify(of, given)

    monkeypatch.setattr(on_file, "_verify", counted)
    wrong = [("ada", "wrong"), ("nobody", PASSWORD), ("bob", PASSWORD), ("eve", PASSWORD), ("' OR 1=1 --", PASSWORD)]
    wrong += [("ada", "x" * 100_000), ("ada", "\ud800"), ("ada\0", PASSWORD)]
    for name, password in wrong:
        hashed.clear()
        assert on_file.sign_in(name, password) is None
        assert [text.split("$")[3] for text in hashed] == ["m=8,t=1,p=1"], (name, password)
    assert on_file.sign_in("ada", PASSWORD) is not None


def test_a_hash_of_another_cost_is_made_anew(on_file: Accounts) -> None:
    dearer = Accounts(on_file.store.database, PasswordCost(passes=2, memory_kib=16, lanes=1))
    assert dearer.sign_in("ada", PASSWORD) is not None
    stored = on_file.store.password_of("ada")
    assert stored is not None
    assert "m=16,t=2,p=1" in str(stored[1])
    assert on_file.sign_in("ada", PASSWORD) is not None


def test_no_more_passwords_are_checked_at_once_than_memory_is_meant_for(on_file: Accounts) -> None:
    busy = Accounts(on_file.store.database, CHEAP, concurrent=1, patience_s=0.01)
    with busy._turns, pytest.raises(BusyError):
        busy.sign_in("ada", PASSWORD)


def test_the_usual_cost_is_that_of_the_library() -> None:
    import argon2

    usual = PasswordCost()
    library = argon2.PasswordHasher()
    assert (usual.passes, usual.memory_kib, usual.lanes) == (
        library.time_cost,
        library.memory_cost,
        library.parallelism,
    )


@pytest.mark.parametrize("name", ["", "Ada", "a b", "-a", ".a", "a" * 51, "a\n", "a/b", "local", "é", "a'--"])
def test_names_that_no_user_can_have(name: str) -> None:
    with pytest.raises(InputError):
        check_name(name)


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 11, "x" * 201, "aaaaaaaaaaaaaaa", "ada.ada.ada.", "\ud800abcdefghijkl"]
)
def test_passwords_that_are_refused_are_not_repeated(on_file: Accounts, password: str) -> None:
    with pytest.raises(InputError) as refused:
        on_file.add("ada.ada.ada.", Role.VIEWER, password, 0)
    assert password == "" or password not in str(refused.value)


def test_other_machines_are_served_when_there_are_users(
    on_file: Accounts, tmp_path: Path, sqlite_template: bytes
) -> None:
    (tmp_path / "b.db").write_bytes(sqlite_template)
    empty = Accounts(Database.open(tmp_path / "b.db", upgrade=False), CHEAP).store
    for host in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST."):
        assert is_loopback(host)
        refuse_open_server(host, empty)
    for host in ("0.0.0.0", "::", "192.168.1.5", "", "localhost.evil.example"):  # noqa: S104  (what is refused)
        refuse_open_server(host, on_file.store)
        with pytest.raises(InputError, match="assay users add NAME --role admin"):
            refuse_open_server(host, empty)


OPERATION = st.tuples(
    st.sampled_from(["issue", "revoke", "disable", "enable", "session", "end", "password", "later"]), st.integers(0, 3)
)


@settings(max_examples=25)
@given(operations=st.lists(OPERATION, min_size=4, max_size=14))
def test_a_way_in_is_open_exactly_while_nothing_closed_it(
    sqlite_template: bytes, operations: list[tuple[str, int]]
) -> None:
    """Any order of what can happen, against a list of who should get in."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.db").write_bytes(sqlite_template)
        database = Database.open(Path(folder) / "a.db", upgrade=False)
        accounts = Accounts(database, CHEAP)
        bob = accounts.add("bob", Role.TRADER, None, 0)
        now, is_enabled = 0, True
        tokens: list[tuple[str, str, int]] = []  # secret, id, end
        browsers: list[tuple[str, int]] = []
        closed: set[str] = set()

        for what, number in operations:
            if what == "disable":
                accounts.store.disable("bob", now)
                closed.update([*(entry[0] for entry in tokens), *(entry[0] for entry in browsers)])
                is_enabled = False
            elif what == "enable":
                accounts.store.enable("bob")
                is_enabled = True
            elif what == "password":
                accounts.set_password("bob", PASSWORD)
                closed.update(entry[0] for entry in browsers)
            elif what == "issue" and is_enabled:
                made = accounts.issue_token("bob", "tests", 1 + number, now)
                tokens.append((made.secret, made.facts.id, made.facts.expires_ms))
            elif what == "revoke" and number < len(tokens):
                accounts.store.revoke("bob", tokens[number][1], now)
                closed.add(tokens[number][0])
            elif what == "session" and is_enabled:
                begun = accounts.begin_session(bob, now)
                browsers.append((begun.secret, begun.expires_ms))
            elif what == "end" and number < len(browsers):
                accounts.end_session(browsers[number][0])
                closed.add(browsers[number][0])
            elif what == "later":
                now += number * DAY // 2
            for secret, _, end in tokens:
                assert (accounts.user_of_token(secret, now) is not None) == (secret not in closed and now < end)
            for secret, end in browsers:
                assert (accounts.session(secret, now) is not None) == (secret not in closed and now < end)
        database.close()
