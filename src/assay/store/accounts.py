"""Users, their tokens and sessions, and the log of who did what. Of a secret only its hash is here."""

from __future__ import annotations

import hmac
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa

from assay.errors import ConflictError, NotFoundError, StoreError, near_name
from assay.store.database import insert
from assay.store.schema import Role, access_tokens, audit_log, sessions, users

if TYPE_CHECKING:
    from assay.store.database import Database

LOG = logging.getLogger("assay.api")

TOUCH_MS = 60_000
"""How exactly the last use of a token is known: a write at every request would cost more than the request."""


# asked at every request: made once, since making them takes a quarter of the time
_TOKEN = (
    sa.select(
        users,
        access_tokens.c.secret_hash,
        access_tokens.c.expires_at,
        access_tokens.c.revoked_at,
        access_tokens.c.last_used_at,
    )
    .join_from(access_tokens, users)
    .where(access_tokens.c.id == sa.bindparam("id"))
)
_SESSION = (
    sa.select(users, sessions.c.user_id, sessions.c.csrf_hash, sessions.c.expires_at)
    .select_from(sessions.outerjoin(users))
    .where(sessions.c.secret_hash == sa.bindparam("hash"))
)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in.

    Attributes
    ----------
    has_password : bool
        Without one, tokens are the only way in.
    disabled_ms : int or None
        Since when no way in is open.
    """

    id: str
    name: str
    role: Role
    has_password: bool
    created_ms: int
    disabled_ms: int | None

    @classmethod
    def of(cls, row: Any) -> User:
        """Return the user of a row of the table."""
        has_password = row.password_hash is not None
        return cls(row.id, row.name, Role(row.role), has_password, row.created_at, row.disabled_at)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A program's way in, without its secret; times in milliseconds UTC."""

    id: str
    name: str
    created_ms: int
    expires_ms: int
    last_used_ms: int | None
    revoked_ms: int | None

    @classmethod
    def of(cls, row: Any) -> AccessToken:
        """Return the token of a row of the table."""
        return cls(row.id, row.name, row.created_at, row.expires_at, row.last_used_at, row.revoked_at)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's way in; `user` is None for whoever had the token that the server printed."""

    user: User | None
    csrf_hash: str
    expires_ms: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What somebody did; `id` counts up."""

    id: int
    at_ms: int
    user: str
    action: str
    target: str | None
    address: str | None
    outcome: str


class AccountStore:
    """Users, tokens, sessions and the audit log.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._touched: dict[str, int] = {}

    def add_user(self, name: str, role: Role, password_hash: str | None, at_ms: int) -> User:
        """Write a new user.

        Raises
        ------
        ConflictError
            When there is one of this name.
        """
        own = str(uuid4())
        row = {"id": own, "name": name, "role": role, "password_hash": password_hash, "created_at": at_ms}

        def work(c: sa.Connection) -> User:
            c.execute(insert(c, users).values(row).on_conflict_do_nothing(index_elements=["name"]))
            found = _row(c, name)
            if found.id != own:  # a repeat of this very transaction finds its own row
                raise ConflictError("name", "there is a user of this name", name)
            return User.of(found)

        return self.database.write(work)

    def user(self, name: str) -> User:
        """Return a user; raise NotFoundError where there is none of this name."""
        return self.database.read(lambda c: User.of(_row(c, name)))

    def users(self, limit: int, after: str | None = None) -> list[User]:
        """Return users by name, those behind `after`."""
        query = sa.select(users).order_by(users.c.name).limit(limit)
        if after is not None:
            query = query.where(users.c.name > after)
        return self.database.read(lambda c: [User.of(row) for row in c.execute(query)])

    def is_open(self) -> bool:
        """Whether there is a user who may sign in."""
        query = sa.select(sa.exists().where(users.c.disabled_at.is_(None)))
        return self.database.read(lambda c: bool(c.execute(query).scalar_one()))

    def password_of(self, name: str) -> tuple[User, str | None] | None:
        """Return a user and the hash of the password; None where there is no such user."""

        def work(c: sa.Connection) -> tuple[User, str | None] | None:
            row = c.execute(sa.select(users).where(users.c.name == name)).first()
            return None if row is None else (User.of(row), row.password_hash)

        return self.database.read(work)

    def set_password(self, name: str, password_hash: str) -> User:
        """Write another password, which ends all sessions of the user."""
        return self._change(name, {"password_hash": password_hash}, end_sessions=True)

    def rehash(self, user: str, password_hash: str) -> None:
        """Write the same password's hash at another cost; `user` is an id."""
        change = sa.update(users).where(users.c.id == user).values(password_hash=password_hash)
        self.database.write(lambda c: c.execute(change))

    def set_role(self, name: str, role: Role) -> User:
        """Give a user another role, from the next request on."""
        return self._change(name, {"role": role}, keeps_admin=role is Role.ADMIN)

    def enable(self, name: str) -> User:
        """Let a user sign in again; tokens of before stay revoked."""
        return self._change(name, {"disabled_at": None})

    def disable(self, name: str, at_ms: int) -> User:
        """Close every way in: sessions end, tokens are revoked."""

        def also(c: sa.Connection, user: str) -> None:
            mine = (access_tokens.c.user_id == user, access_tokens.c.revoked_at.is_(None))
            c.execute(sa.update(access_tokens).where(*mine).values(revoked_at=at_ms))

        values = {"disabled_at": sa.func.coalesce(users.c.disabled_at, at_ms)}
        return self._change(name, values, keeps_admin=False, end_sessions=True, also=also)

    def _change(
        self,
        name: str,
        values: dict[str, Any],
        *,
        keeps_admin: bool = True,
        end_sessions: bool = False,
        also: Any = None,
    ) -> User:
        def work(c: sa.Connection) -> User:
            # under one lock, so that two who demote each other cannot both succeed
            admins = sa.select(users.c.name).where(users.c.role == Role.ADMIN, users.c.disabled_at.is_(None))
            names = c.scalars(admins.order_by(users.c.name).with_for_update()).all()
            found = _row(c, name)
            if not keeps_admin and list(names) == [name]:
                rule = "is the only admin: nobody could add users any more"
                raise ConflictError("name", rule, name, "Add another admin first")
            c.execute(sa.update(users).where(users.c.id == found.id).values(values))
            if end_sessions:
                c.execute(sa.delete(sessions).where(sessions.c.user_id == found.id))
            if also is not None:
                also(c, found.id)
            return User.of(_row(c, name))

        return self.database.write(work)

    def add_token(
        self, name: str, token: str, label: str, secret_hash: str, at_ms: int, expires_ms: int
    ) -> AccessToken:
        """Write a token of a user who may sign in.

        Parameters
        ----------
        token : str
            Its id.
        label : str
            What it is for.
        """

        def work(c: sa.Connection) -> AccessToken:
            user = _row(c, name)
            if user.disabled_at is not None:
                raise ConflictError("name", "is disabled", name, "Enable the user first")
            row = {
                "id": token,
                "user_id": user.id,
                "name": label,
                "secret_hash": secret_hash,
                "created_at": at_ms,
                "expires_at": expires_ms,
            }
            c.execute(insert(c, access_tokens).values(row).on_conflict_do_nothing(index_elements=["id"]))
            return AccessToken.of(c.execute(sa.select(access_tokens).where(access_tokens.c.id == token)).one())

        return self.database.write(work)

    def tokens(self, name: str) -> list[AccessToken]:
        """Return all tokens of a user, the newest first."""
        query = sa.select(access_tokens).order_by(access_tokens.c.created_at.desc(), access_tokens.c.id)

        def work(c: sa.Connection) -> list[AccessToken]:
            mine = query.where(access_tokens.c.user_id == _row(c, name).id)
            return [AccessToken.of(row) for row in c.execute(mine)]

        return self.database.read(work)

    def revoke(self, name: str, token: str, at_ms: int) -> AccessToken:
        """End a token now; one that was revoked before stays so since then."""
        t = access_tokens.c

        def work(c: sa.Connection) -> AccessToken:
            mine = (t.user_id == _row(c, name).id, t.id == token)
            change = sa.update(access_tokens).where(*mine).values(revoked_at=sa.func.coalesce(t.revoked_at, at_ms))
            if not c.execute(change).rowcount:
                raise NotFoundError("token", f"{name} has none of this id", token)
            return AccessToken.of(c.execute(sa.select(access_tokens).where(*mine)).one())

        return self.database.write(work)

    def by_token(self, token: str, secret_hash: str, at_ms: int) -> User | None:
        """Return whose token this is; None where it is nobody's, over, revoked, or its user is disabled."""
        row = self.database.read(lambda c: c.execute(_TOKEN, {"id": token}).first())
        # the id is public, the secret's hash is compared in constant time
        if row is None or not hmac.compare_digest(row.secret_hash, secret_hash):
            return None
        if row.revoked_at is not None or row.expires_at <= at_ms or row.disabled_at is not None:
            return None
        if row.last_used_at is None or row.last_used_at + TOUCH_MS <= at_ms:
            self._touch(token, at_ms)
        return User.of(row)

    def _touch(self, token: str, at_ms: int) -> None:
        """Write when a token was used; one that may read does so also where nothing can be written."""
        if at_ms - self._touched.get(token, -TOUCH_MS) < TOUCH_MS:
            return  # another request of this process does it, or found a minute ago that it cannot be done
        self._touched[token] = at_ms
        used = sa.update(access_tokens).where(access_tokens.c.id == token).values(last_used_at=at_ms)
        try:
            self.database.write(lambda c: c.execute(used))
        except StoreError as error:
            LOG.warning("when a token was used cannot be written: %s", error)

    def add_session(self, user: str | None, secret_hash: str, csrf_hash: str, at_ms: int, expires_ms: int) -> None:
        """Write a session, and forget all that are over; `user` is an id."""
        row = {
            "secret_hash": secret_hash,
            "user_id": user,
            "csrf_hash": csrf_hash,
            "created_at": at_ms,
            "expires_at": expires_ms,
        }

        def work(c: sa.Connection) -> None:
            c.execute(sa.delete(sessions).where(sessions.c.expires_at <= at_ms))
            c.execute(insert(c, sessions).values(row).on_conflict_do_nothing(index_elements=["secret_hash"]))

        self.database.write(work)

    def session(self, secret_hash: str, at_ms: int) -> Session | None:
        """Return a session; None where there is none, it is over, or its user is disabled."""
        row = self.database.read(lambda c: c.execute(_SESSION, {"hash": secret_hash}).first())
        if row is None or row.expires_at <= at_ms or row.disabled_at is not None:
            return None
        return Session(None if row.user_id is None else User.of(row), row.csrf_hash, row.expires_at)

    def end_session(self, secret_hash: str) -> None:
        """Forget a session."""
        ended = sa.delete(sessions).where(sessions.c.secret_hash == secret_hash)
        self.database.write(lambda c: c.execute(ended))

    def record(self, entry: AuditEntry) -> None:
        """Append to the audit log; the entry's `id` is given by the database."""
        row = {
            "at": entry.at_ms,
            "user_name": entry.user,
            "action": entry.action,
            "target": entry.target,
            "address": entry.address,
            "outcome": entry.outcome,
        }
        self.database.write(lambda c: c.execute(sa.insert(audit_log).values(row)))

    def audit(self, limit: int, before: int | None = None, user: str | None = None) -> list[AuditEntry]:
        """Return entries of the audit log, the newest first, of those before an id."""
        a = audit_log.c
        query = sa.select(audit_log).order_by(a.id.desc()).limit(limit)
        if before is not None:
            query = query.where(a.id < before)
        if user is not None:
            query = query.where(a.user_name == user)

        def entry(row: Any) -> AuditEntry:
            return AuditEntry(row.id, row.at, row.user_name, row.action, row.target, row.address, row.outcome)

        return self.database.read(lambda c: [entry(row) for row in c.execute(query)])


def _row(c: sa.Connection, name: str) -> Any:
    row = c.execute(sa.select(users).where(users.c.name == name)).first()
    if row is None:
        names = c.scalars(sa.select(users.c.name).order_by(users.c.name).limit(50)).all()
        hint = near_name(name, names) if names else "There are no users yet"
        raise NotFoundError("name", "there is no user of this name", name, hint)
    return row
