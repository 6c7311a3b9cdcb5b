"""Signing in and out, users and their tokens, and the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException

from assay.api.access import ADDRESS, Access, Admin, Caller, Viewer, Way, Ways, note
from assay.api.errors import statuses
from assay.api.guards import too_many
from assay.api.models.common import MaybeMoment, Moment
from assay.api.paging import Cursor, Limit, Page, decode_cursor, page_of
from assay.api.scopes import limited_by
from assay.api.turns import short
from assay.errors import InputError
from assay.service.accounts import (
    MAX_LABEL,
    MAX_PASSWORD,
    MAX_TOKEN_DAYS,
    SESSION_MS,
    TOKEN_DAYS,
    BusyError,
    NewSession,
    csrf_of,
)
from assay.store.accounts import AccessToken, AuditEntry, User
from assay.store.database import now_ms
from assay.store.schema import Role

router = APIRouter(tags=["access"])

Name = Annotated[str, Path(max_length=50, description="Of the user.", examples=["ada"])]


class Strict(BaseModel):
    """A body in which no unknown name stands."""

    model_config = ConfigDict(extra="forbid")


class SignIn(Strict):
    """Name and password of a user, or a token: that of a user, or the one that the server printed."""

    name: str | None = Field(None, max_length=50, description="Of the user.", examples=["ada"])
    password: str | None = Field(
        None, max_length=MAX_PASSWORD, description="Of the user.", examples=["correct horse battery"]
    )
    token: str | None = Field(None, max_length=500, description="In the place of both.")

    @model_validator(mode="after")
    def _one_way(self) -> SignIn:
        by_password = self.name is not None and self.password is not None
        if by_password == (self.token is not None) or (self.token is not None and self.name is not None):
            raise ValueError("must hold either name and password, or a token")
        return self


class SignedIn(BaseModel):
    """Who is signed in."""

    name: str
    role: Role
    way: Way
    csrf_token: str | None = Field(
        None, description="Of a session: what the header X-CSRF-Token of its unsafe requests must be."
    )


class UserBody(BaseModel):
    """A user."""

    name: str
    role: Role
    has_password: bool
    created_at: Moment
    disabled_at: MaybeMoment

    @classmethod
    def of(cls, user: User) -> UserBody:
        """Return a user as the API shows one."""
        return cls(
            name=user.name,
            role=user.role,
            has_password=user.has_password,
            created_at=user.created_ms,
            disabled_at=user.disabled_ms,
        )


class NewUser(Strict):
    """A user to be added."""

    name: str = Field(max_length=50, description="a-z, 0-9, '.', '_', '-'.", examples=["ada"])
    role: Role = Field(Role.VIEWER, description="viewer, trader or admin.")
    password: str | None = Field(
        None, max_length=MAX_PASSWORD, description="At least 12 characters; without one, tokens are the only way in."
    )


class UserChange(Strict):
    """What is to be another way; what is left out stays."""

    role: Role | None = Field(None, description="viewer, trader or admin.")
    disabled: bool | None = Field(None, description="Whether every way in is closed.")


class TokenBody(BaseModel):
    """A token, without its secret."""

    id: str
    label: str = Field(description="What it is for.")
    created_at: Moment
    expires_at: Moment
    last_used_at: MaybeMoment = None
    revoked_at: MaybeMoment = None

    @classmethod
    def of(cls, token: AccessToken) -> TokenBody:
        """Return a token as the API shows one."""
        return cls(**_facts(token))


class IssuedBody(TokenBody):
    """A token that was just made."""

    token: str = Field(description="Shown this once.")


class NewToken(Strict):
    """A token to be made."""

    label: str = Field(max_length=MAX_LABEL, description="What it is for.", examples=["notebook"])
    days: float = Field(TOKEN_DAYS, gt=0, le=MAX_TOKEN_DAYS, allow_inf_nan=False, description="How long it lasts.")


class AuditBody(BaseModel):
    """What somebody did."""

    id: int
    at: Moment
    user: str = Field(description="`-` for whoever was not signed in.")
    action: str = Field(examples=["DELETE /api/training/jobs/{job}"])
    target: str | None
    address: str | None
    outcome: str = Field(description="The status of the answer.", examples=["200"])


@router.post("/session", operation_id="beginSession", responses=statuses(422))
def begin_session(body: SignIn, request: Request, response: Response, access: Ways) -> SignedIn:
    """Sign in: the answer sets the session's cookie."""
    address = limited_by(request.scope["state"][ADDRESS])
    name = body.name or ""
    buckets = [(access.failed_passwords, address)] + ([(access.failed_names, name)] if name else [])
    taken = []
    for bucket, key in buckets:
        if wait := bucket.take(key):
            raise _too_many(wait)
        taken.append((bucket, key))
    try:
        found = _signed_in(access, body)
    except BusyError:
        raise _too_many(2.0) from None
    if found is None:
        if name and access.accounts.store.password_of(name):
            note(request, target=name)  # of an unknown one nothing: it may be a password in the wrong field
        raise HTTPException(401, "name, password or token are not right, or the user is disabled")
    for bucket, key in taken:
        bucket.give_back(key)
    caller, session = found
    note(request, user=caller.name)
    response.set_cookie(
        access.cookie,
        session.secret,
        max_age=SESSION_MS // 1000,
        path="/",
        secure=access.settings.secure_cookies,
        httponly=True,
        samesite="strict",
    )
    return SignedIn(name=caller.name, role=caller.role, way=Way.SESSION, csrf_token=session.csrf)


def _signed_in(access: Access, body: SignIn) -> tuple[Caller, NewSession] | None:
    if body.token is not None:
        return access.session_for_token(body.token)
    user = access.accounts.sign_in(body.name or "", body.password or "")
    if user is None:
        return None
    return Caller(user.name, user.role, user.id, Way.SESSION), access.accounts.begin_session(user, now_ms())


def _too_many(wait_s: float) -> HTTPException:
    refused = too_many(wait_s)
    return HTTPException(429, "too many sign-ins: try again later", {"Retry-After": refused.headers["Retry-After"]})


@router.get("/session", operation_id="showSession")
@short
def show_session(request: Request, caller: Viewer, access: Ways) -> SignedIn:
    """Say who is signed in."""
    secret = access.session_secret(dict(request.scope)) if caller.way is Way.SESSION else None
    return SignedIn(name=caller.name, role=caller.role, way=caller.way, csrf_token=csrf_of(secret) if secret else None)


@router.delete("/session", operation_id="endSession", status_code=204)
def end_session(request: Request, caller: Viewer, access: Ways) -> Response:
    """Sign out: the session ends, and its cookie counts nowhere any more."""
    secret = access.session_secret(dict(request.scope))
    if caller.way is Way.SESSION and secret is not None:
        access.accounts.end_session(secret, server_token=access.settings.token)
    response = Response(status_code=204)
    response.delete_cookie(
        access.cookie, path="/", secure=access.settings.secure_cookies, httponly=True, samesite="strict"
    )
    return response


@router.get("/users", operation_id="listUsers", responses=statuses(422))
def list_users(_: Admin, access: Ways, limit: Limit = 100, cursor: Cursor = None) -> Page[UserBody]:
    """List the users by name."""
    place = decode_cursor(cursor, str)
    found = access.accounts.store.users(limit + 1, place[0] if place else None)
    return page_of(found, limit, lambda user: (user.name,), UserBody.of)


@router.post("/users", operation_id="addUser", status_code=201, responses=statuses(409, 422))
def add_user(_: Admin, body: NewUser, request: Request, access: Ways) -> UserBody:
    """Add a user."""
    user = access.accounts.add(body.name, body.role, body.password, now_ms())
    note(request, target=f"{user.name} ({user.role})")
    return UserBody.of(user)


@router.patch("/users/{name}", operation_id="changeUser", responses=statuses(404, 409, 422))
def change_user(_: Admin, name: Name, body: UserChange, request: Request, access: Ways) -> UserBody:
    """Give a user another role, or disable one: sessions end and tokens are revoked at once."""
    store = access.accounts.store
    user = store.user(name)
    if body.role is not None:
        user = store.set_role(name, body.role)
    if body.disabled is not None:
        user = store.disable(name, now_ms()) if body.disabled else store.enable(name)
    changes = ", ".join(f"{key} {value}" for key, value in body.model_dump(mode="json", exclude_none=True).items())
    note(request, target=f"{name} ({changes})")
    return UserBody.of(user)


@router.get("/users/{name}/tokens", operation_id="listTokens", responses=statuses(404, 422))
def list_tokens(_: Admin, name: Name, access: Ways, limit: Limit = 100, cursor: Cursor = None) -> Page[TokenBody]:
    """List a user's tokens, the newest first, without their secrets."""
    place = decode_cursor(cursor, str)
    found = access.accounts.store.tokens(name)
    if place is not None:
        begins = next((i + 1 for i, token in enumerate(found) if token.id == place[0]), None)
        if begins is None:
            raise InputError("cursor", "must be the next_cursor of a page before", cursor)
        found = found[begins:]
    return page_of(found, limit, lambda token: (token.id,), TokenBody.of)


@router.post("/users/{name}/tokens", operation_id="issueToken", status_code=201, responses=statuses(404, 409, 422))
def issue_token(_: Admin, name: Name, body: NewToken, request: Request, access: Ways) -> IssuedBody:
    """Make a token for a user; it is shown this once."""
    made = access.accounts.issue_token(name, body.label, body.days, now_ms())
    note(request, target=f"{name}/{made.facts.id}")
    return IssuedBody(token=made.secret, **_facts(made.facts))


@router.delete("/users/{name}/tokens/{token}", operation_id="revokeToken", responses=statuses(404, 422))
def revoke_token(
    _: Admin, name: Name, token: Annotated[str, Path(max_length=36, description="Its id.")], access: Ways
) -> TokenBody:
    """Revoke a token: it counts nowhere from now on."""
    return TokenBody.of(access.accounts.store.revoke(name, token, now_ms()))


@router.get("/audit", operation_id="listAudit", responses=statuses(422))
def list_audit(
    _: Admin,
    access: Ways,
    user: Annotated[str | None, Query(max_length=50, description="Only what this user did.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[AuditBody]:
    """List who did what, the newest first."""
    place = decode_cursor(cursor, int)
    found = access.accounts.store.audit(limit + 1, place[0] if place else None, user)
    return page_of(found, limit, lambda one: (one.id,), _audited)


def _audited(one: AuditEntry) -> AuditBody:
    return AuditBody(
        id=one.id,
        at=one.at_ms,
        user=one.user,
        action=one.action,
        target=one.target,
        address=one.address,
        outcome=one.outcome,
    )


def _facts(token: AccessToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "label": token.name,
        "created_at": token.created_ms,
        "expires_at": token.expires_ms,
        "last_used_at": token.last_used_ms,
        "revoked_at": token.revoked_ms,
    }
