"""An app on a database of the test's own, with a user of each role."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from api.asgi import Client
from assay.api.access import access_of
from assay.api.app import create_app
from assay.api.settings import Settings
from assay.service.accounts import PasswordCost
from assay.store import Database
from assay.store.database import now_ms
from assay.store.schema import Role, workers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastapi import FastAPI

CHEAP = PasswordCost(passes=1, memory_kib=8, lanes=1)
PASSWORD = "correct horse battery"  # noqa: S105  (of the tests' users)
PRINTED = "the token that the server printed"
MANY = 1_000_000

OPERATED = Settings(
    token=PRINTED,
    requests_per_minute=MANY,
    failed_sign_ins_per_minute=MANY,
    body_timeout_s=0.05,
    password_cost=CHEAP,
)
"""Limits that tests do not run into, unless they are about them."""


@pytest.fixture
def sqlite(tmp_path: Path, sqlite_template: bytes) -> Iterator[Database]:
    """An SQLite database with this version's tables."""
    (tmp_path / "api.db").write_bytes(sqlite_template)
    opened = Database.open(tmp_path / "api.db", upgrade=False)
    yield opened
    opened.close()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as opened:
        yield opened


@pytest.fixture
def app(sqlite: Database) -> FastAPI:
    return create_app(sqlite, OPERATED)


@pytest.fixture
def client(app: FastAPI, runner: asyncio.Runner) -> Client:
    """Nobody, who is not signed in."""
    return Client(app, runner)


@dataclass(frozen=True)
class People:
    """A user of each role, by name, with a password and a token each."""

    app: FastAPI
    client: Client
    tokens: dict[str, str]

    def by_token(self, name: str) -> Client:
        return self.client.signed_in(self.tokens[name])

    def session(self, name: str, *, csrf: bool = True, origin: str | None = "http://127.0.0.1:8000") -> Client:
        """A browser in which somebody has just signed in."""
        accounts = access_of(self.app).accounts
        begun = accounts.begin_session(accounts.store.user(name), now_ms())
        headers = [("Cookie", f"other=1; {access_of(self.app).cookie}={begun.secret}")]
        headers += [("X-CSRF-Token", begun.csrf)] if csrf else []
        headers += [("Origin", origin)] if origin else []
        return self.client.signed_in(None, *headers)


@pytest.fixture
def people(app: FastAPI, client: Client) -> People:
    return with_people(app, client)


def with_people(app: FastAPI, client: Client) -> People:
    """Add the users to an app's database."""
    accounts = access_of(app).accounts
    tokens = {}
    for role in Role:
        accounts.add(role, role, PASSWORD, now_ms())
        tokens[str(role)] = accounts.issue_token(role, "tests", 1.0, now_ms()).secret
    accounts.store.database.write(_add_worker)  # without one a server is not ready
    return People(app, client, tokens)


def _add_worker(c: sa.Connection) -> None:
    far = now_ms() + 3_600_000
    c.execute(sa.insert(workers).values(id="w", host="h", process=1, version="1", started_at=1, seen_at=far))


def other(settings: Settings = OPERATED, **changes: object) -> Settings:
    return replace(settings, **changes)  # type: ignore[arg-type]
