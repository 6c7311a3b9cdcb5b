"""Who asks, and what they may do: the dependencies by which every route says its least role."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, cookie_parser

from assay.api.buckets import Buckets
from assay.api.scopes import Scope, header
from assay.api.turns import in_turn
from assay.service.accounts import LOCAL, Accounts, NewSession, same_secret
from assay.store.accounts import Session, User
from assay.store.database import now_ms
from assay.store.schema import Role

if TYPE_CHECKING:
    from fastapi import FastAPI

    from assay.api.state import State

PUBLIC = frozenset(
    {("GET", "/api/health"), ("GET", "/api/ready"), ("GET", "/api/openapi.json"), ("POST", "/api/session")}
)
"""What anybody may ask, by method and path; everything else is refused before its route is looked for."""

PAGES = "/studio"
"""Where the Studio's pages lie, if a server has them."""

SIGN_IN_PAGE = f"{PAGES}/sign-in"
PUBLIC_PAGES = (SIGN_IN_PAGE, "/", f"{PAGES}/static/")
"""What anybody may see: where to sign in, the way there, and what lies below the ones that end in a slash."""

WHO = "assay_caller"
ADDRESS = "assay_address"
NOTED = "assay_audit"
"""Where a request's state keeps the caller, whose address counts, and what a route adds to the audit log."""

_RANK = {role: number for number, role in enumerate(Role)}


class Way(StrEnum):
    """How somebody signed in."""

    TOKEN = "token"  # noqa: S105  (the name of a way, no secret)
    SESSION = "session"
    SERVER_TOKEN = "server_token"  # noqa: S105  (the name of a way, no secret)


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes
    ----------
    name : str
        Of the user; ``local`` for whoever has the token that the server printed.
    role : Role
    id : str or None
        Of the user; None for ``local``.
    way : Way
    """

    name: str
    role: Role
    id: str | None
    way: Way

    def may(self, role: Role) -> bool:
        """Whether the caller's role is this one, or one that may more."""
        return _RANK[self.role] >= _RANK[role]


@dataclass(frozen=True)
class Identified:
    """What the credentials of a request stand for.

    Attributes
    ----------
    caller : Caller or None
        None where there are none, or wrong ones.
    session : Session or None
        Where a cookie was sent.
    is_wrong : bool
        Whether there was a token that is nobody's.
    is_over : bool
        Whether there was a cookie of a session that is over.
    """

    caller: Caller | None = None
    session: Session | None = None
    is_wrong: bool = False
    is_over: bool = False


class Access:
    """The ways in of one server.

    Parameters
    ----------
    state : State
    """

    def __init__(self, state: State) -> None:
        self.settings = state.settings
        self.accounts = Accounts(state.database, state.settings.password_cost)
        failures = state.settings.failed_sign_ins_per_minute
        self.failed_passwords = Buckets(failures)
        self.failed_names = Buckets(3 * failures)
        self.failed_tokens = Buckets(10 * failures)

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; the prefix lets no other site or path set it."""
        return "__Host-assay_session" if self.settings.secure_cookies else "assay_session"

    def session_secret(self, scope: Scope) -> str | None:
        """Return the value of the session's cookie."""
        text = header(scope, b"cookie")
        return cookie_parser(text).get(self.cookie) if text else None

    async def identify(self, scope: Scope) -> Identified:
        """Return what the credentials of a request stand for: a token goes before a cookie."""
        given = header(scope, b"authorization")
        if given is not None:
            scheme, _, token = given.partition(" ")
            token = token.strip()
            if scheme.lower() != "bearer":
                return Identified(is_wrong=True)
            if caller := self._by_server_token(token):
                return Identified(caller)
            user = await in_turn(self.accounts.user_of_token, token, now_ms())
            return Identified(_caller(user, Way.TOKEN)) if user else Identified(is_wrong=True)
        if secret := self.session_secret(scope):
            session = await in_turn(self._session, secret)
            return (
                Identified(is_over=True) if session is None else Identified(_caller(session.user, Way.SESSION), session)
            )
        return Identified()

    def _session(self, secret: str) -> Session | None:
        return self.accounts.session(secret, now_ms(), server_token=self.settings.token)

    def _by_server_token(self, token: str) -> Caller | None:
        expected = self.settings.token
        return _caller(None, Way.SERVER_TOKEN) if expected and same_secret(token, expected) else None

    def session_for_token(self, token: str) -> tuple[Caller, NewSession] | None:
        """Begin a session for whoever has a user's token, or the server's own; None where it is nobody's.

        For a browser that was given the token of a server: the token must come in a body or a form, never in an
        address, which browsers and logs keep.
        """
        at = now_ms()
        caller = self._by_server_token(token)
        if caller is not None:
            return caller, self.accounts.begin_session(None, at, server_token=self.settings.token or "")
        user = self.accounts.user_of_token(token, at)
        return None if user is None else (_caller(user, Way.SESSION), self.accounts.begin_session(user, at))


def _caller(user: User | None, way: Way) -> Caller:
    return Caller(LOCAL, Role.ADMIN, None, way) if user is None else Caller(user.name, user.role, user.id, way)


def access_of(app: FastAPI) -> Access:
    """Return the ways in of an app."""
    access: Access = app.state.access
    return access


async def _access(connection: HTTPConnection) -> Access:
    return access_of(connection.app)


Ways = Annotated[Access, Depends(_access)]
"""A route's argument: the ways in."""


class Needs:
    """A dependency: refuses whoever is not signed in (401), or has a lesser role (403)."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, connection: HTTPConnection) -> Caller:
        """Return the caller, who was identified before the route was looked for."""
        caller: Caller | None = connection.scope.get("state", {}).get(WHO)
        if caller is None:
            raise HTTPException(401, SIGN_IN, {"WWW-Authenticate": "Bearer"})
        if not caller.may(self.role):
            raise HTTPException(403, f"this needs the role {self.role}, and {caller.name} has the role {caller.role}")
        return caller


SIGN_IN = "sign in first: send the header `Authorization: Bearer TOKEN`, or begin a session with POST /api/session"

Viewer = Annotated[Caller, Depends(Needs(Role.VIEWER))]
"""A route's argument: whoever is signed in."""

Trader = Annotated[Caller, Depends(Needs(Role.TRADER))]
"""A route's argument: a trader or an admin."""

Admin = Annotated[Caller, Depends(Needs(Role.ADMIN))]
"""A route's argument: an admin."""


def may_change(caller: Caller, owner: str | None) -> None:
    """Refuse (403) to change what is another user's, unless the caller is an admin.

    Parameters
    ----------
    owner : str or None
        Name of the user whose job it is; None where nobody's is known.
    """
    if caller.name != owner and not caller.may(Role.ADMIN):
        raise HTTPException(403, f"this is {owner or 'nobody'}'s: only its owner or an admin may change it")


def note(connection: HTTPConnection, *, user: str | None = None, target: str | None = None) -> None:
    """Say what the audit log cannot see: who signed in, or what a body named."""
    noted: dict[str, Any] = connection.scope.setdefault("state", {}).setdefault(NOTED, {})
    noted |= {key: value for key, value in (("user", user), ("target", target)) if value is not None}


async def is_still_signed_in(connection: HTTPConnection) -> bool:
    """Whether the credentials of an open stream still count: one that lives for hours asks now and then."""
    found = await access_of(connection.app).identify(dict(connection.scope))
    return found.caller is not None and found.caller == connection.scope["state"].get(WHO)
