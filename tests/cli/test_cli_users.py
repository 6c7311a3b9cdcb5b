"""`assay users`: passwords come from a prompt or stdin, tokens are shown once."""

from __future__ import annotations

import getpass
import io
import os
import sys
from typing import TYPE_CHECKING

import pytest

from assay.service.accounts import Accounts
from assay.store import Database
from assay.store.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli.conftest import Assay, Ran

PASSWORD = "correct horse battery"  # noqa: S105  (of the tests' users)


@pytest.fixture
def users(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run `assay users` with a password on stdin."""

    def run(*arguments: object, stdin: str = PASSWORD + "\n") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        return assay("users", *arguments)

    return run


@pytest.fixture
def accounts() -> Iterator[Accounts]:
    database = Database.open(os.environ["ASSAY_DATABASE_URL"])
    yield Accounts(database)
    database.close()


TOLD = "bob has the role viewer. A token for programs: assay users token bob\n"


def test_a_life(users: Callable[..., Ran], accounts: Accounts) -> None:
    assert users("list").out.startswith("There are no users yet")
    added = users("add", "ada", "--role", "admin", "--json")
    assert added.document["user"] == {
        "name": "ada", "role": "admin", "has_password": True, "created_at": added.document["user"]["created_at"],
        "disabled_at": None,
    }  # fmt: skip
    assert accounts.sign_in("ada", PASSWORD) is not None
    assert users("add", "bob", "--no-password", stdin="").out == TOLD
    assert [user["name"] for user in users("list", "--json").document["users"]] == ["ada", "bob"]
    assert "ada" in users("list").out
    made = users("token", "bob", "--label", "notebook")
    token = made.out.strip()
    assert made.out.count("\n") == 1
    assert token not in made.err
    assert accounts.user_of_token(token, now_ms()) is not None
    (listed,) = users("list", "bob", "--json").document["tokens"]
    assert token.split("_")[1] == listed["id"]
    assert token.split("_", 2)[2] not in users("list", "bob").out
    assert users("revoke", "bob", listed["id"]).code == 0
    assert accounts.user_of_token(token, now_ms()) is None
    assert users("token", "bob", "--days", 1, "--json").document["token"].startswith("assay_")
    assert users("role", "bob", "trader").out == "bob has the role trader now.\n"
    assert users("password", "bob", stdin="another password\n").code == 0
    assert accounts.sign_in("bob", "another password") is not None
    assert users("disable", "bob").code == 0
    assert accounts.sign_in("bob", "another password") is None
    assert users("enable", "bob").code == 0
    assert accounts.sign_in("bob", "another password") is not None
    actions = [entry.action for entry in reversed(accounts.store.audit(100))]
    steps = ["add", "add", "token", "revoke", "token", "role", "password", "disable", "enable"]
    assert actions == [f"assay users {step}" for step in steps]


@pytest.mark.parametrize(
    ("arguments", "stdin", "field"),
    [
        (("add", "Ada"), PASSWORD, "name"),
        (("add", "local"), PASSWORD, "name"),
        (("add", "ada", "--role", "root"), PASSWORD, "--role"),
        (("add", "ada"), "short", "password"),
        (("add", "ada"), "", "password"),
        (("token", "nobody"), "", "name"),
        (("disable", "nobody"), "", "name"),
        (("role", "nobody", "king"), "", "ROLE"),
    ],
)
def test_wrong_input_is_refused(users: Callable[..., Ran], arguments: tuple[str, ...], stdin: str, field: str) -> None:
    ran = users(*arguments, "--json", stdin=stdin)
    assert (ran.code, ran.document["error"]["field"]) == (2, field)
    assert not stdin or stdin not in ran.out + ran.err


def test_the_last_admin_stays(users: Callable[..., Ran]) -> None:
    users("add", "ada", "--role", "admin", "--no-password")
    for arguments in (("disable", "ada"), ("role", "ada", "viewer")):
        ran = users(*arguments)
        assert ran.code == 2
        assert "Add another admin first" in ran.err


def test_a_terminal_is_asked_twice(users: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    answers = [PASSWORD, "something else", PASSWORD, PASSWORD]
    monkeypatch.setattr(getpass, "getpass", lambda _: answers.pop(0))
    monkeypatch.setattr(io, "StringIO", Terminal)
    assert "both times" in users("add", "ada").err
    assert users("add", "ada").code == 0
