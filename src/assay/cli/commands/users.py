"""`assay users`: who may use the service, with which role, and by which tokens."""

import getpass
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from assay.cli import options
from assay.cli.output import Column, Output, iso_time
from assay.errors import InputError, wrong_choice
from assay.service.accounts import TOKEN_DAYS, Accounts, check_name, check_password
from assay.service.database import open_database
from assay.store.accounts import AccessToken, AuditEntry, User
from assay.store.database import Database, now_ms
from assay.store.schema import ROLES, Role

ALL = 1_000_000
"""More users than anybody has."""

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the user.")]
RoleName = Annotated[
    str,
    typer.Option("--role", metavar="ROLE", help="viewer reads, trader also trains, admin also decides about users."),
]


def _role(text: str, field: str) -> Role:
    if text not in ROLES:
        raise wrong_choice(field, text, ROLES)
    return Role(text)


def _record(database: Database, action: str, target: str) -> None:
    """Write into the audit log what was done here, by the name of the operating system's user."""
    entry = AuditEntry(0, now_ms(), getpass.getuser()[:50], f"assay users {action}", target, None, "done")
    Accounts(database).store.record(entry)


def read_password(name: str) -> str:
    """Ask for a new password twice without showing it; without a terminal it is the first line of stdin."""
    if not sys.stdin.isatty():
        return check_password(sys.stdin.readline().rstrip("\r\n"), name)
    first = check_password(getpass.getpass(f"Password of {name}: "), name)
    if getpass.getpass("Once more: ") != first:
        raise InputError("password", "must be the same both times")
    return first


def _user(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "has_password": user.has_password,
        "created_at": iso_time(user.created_ms),
        "disabled_at": _time(user.disabled_ms),
    }


def _token(token: AccessToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "label": token.name,
        "created_at": iso_time(token.created_ms),
        "expires_at": iso_time(token.expires_ms),
        "last_used_at": _time(token.last_used_ms),
        "revoked_at": _time(token.revoked_ms),
    }


def _time(time_ms: int | None) -> str | None:
    return None if time_ms is None else iso_time(time_ms)


def _show(output: Output, user: User, sentence: str) -> None:
    if output.json:
        output.document({"user": _user(user)})
    else:
        output.text(sentence)


@dataclass(frozen=True, kw_only=True)
class AddOptions:
    """Options of `assay users add`."""

    name: Name
    role: RoleName = "viewer"
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Tokens are the only way in; no password is asked for.")
    ] = False
    database: options.DatabaseUrl = None


def add(output: Output, given: AddOptions) -> None:
    """Add somebody who may use the service.

    The password is asked for, or is the first line of stdin.
    """
    role = _role(given.role, "--role")
    password = None if given.no_password else read_password(check_name(given.name))
    with open_database(given.database) as opened:
        user = Accounts(opened).add(given.name, role, password, now_ms())
        _record(opened, "add", f"{user.name} ({user.role})")
    _show(output, user, f"{user.name} has the role {user.role}. A token for programs: assay users token {user.name}")


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """Options of `assay users list`."""

    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Whose tokens to list.")] = None
    database: options.DatabaseUrl = None


def list_(output: Output, given: ListOptions) -> None:
    """List users, or the tokens of one."""
    with open_database(given.database) as opened:
        store = Accounts(opened).store
        if given.name is None:
            rows, key = [_user(user) for user in store.users(ALL)], "users"
        else:
            rows, key = [_token(token) for token in store.tokens(given.name)], "tokens"
    if output.json:
        output.document({key: rows})
        return
    if not rows:
        output.text("There are no users yet: assay users add NAME." if key == "users" else "There are no tokens.")
        return
    columns = [Column(name.replace("_", " "), narrow=12 if name in ("name", "label") else None) for name in rows[0]]
    output.table("", columns, [list(row.values()) for row in rows])


@dataclass(frozen=True, kw_only=True)
class UserOptions:
    """Options of a command about one user."""

    name: Name
    database: options.DatabaseUrl = None


@dataclass(frozen=True, kw_only=True)
class RoleOptions:
    """Options of `assay users role`."""

    name: Name
    role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, trader or admin.")]
    database: options.DatabaseUrl = None


def role(output: Output, given: RoleOptions) -> None:
    """Give a user another role.

    It counts from the user's next request on.
    """
    new = _role(given.role, "ROLE")
    with open_database(given.database) as opened:
        user = Accounts(opened).store.set_role(given.name, new)
        _record(opened, "role", f"{user.name} ({user.role})")
    _show(output, user, f"{user.name} has the role {user.role} now.")


def password(output: Output, given: UserOptions) -> None:
    """Give a user another password.

    Sessions of before end. It is asked for, or is the first line of stdin.
    """
    with open_database(given.database) as opened:
        accounts = Accounts(opened)
        accounts.store.user(given.name)
        user = accounts.set_password(given.name, read_password(given.name))
        _record(opened, "password", user.name)
    _show(output, user, f"{user.name} has another password; sessions of before have ended.")


def disable(output: Output, given: UserOptions) -> None:
    """Close every way in: sessions and tokens end."""
    with open_database(given.database) as opened:
        user = Accounts(opened).store.disable(given.name, now_ms())
        _record(opened, "disable", user.name)
    _show(output, user, f"{user.name} is disabled: sessions have ended, tokens are revoked.")


def enable(output: Output, given: UserOptions) -> None:
    """Let a disabled user sign in again.

    Tokens of before stay revoked.
    """
    with open_database(given.database) as opened:
        user = Accounts(opened).store.enable(given.name)
        _record(opened, "enable", user.name)
    _show(output, user, f"{user.name} may sign in again; tokens of before stay revoked.")


@dataclass(frozen=True, kw_only=True)
class TokenOptions:
    """Options of `assay users token`."""

    name: Name
    label: Annotated[str, typer.Option("--label", metavar="TEXT", help="What it is for.")] = "command line"
    days: Annotated[float, typer.Option("--days", metavar="N", help="How long it lasts.")] = float(TOKEN_DAYS)
    database: options.DatabaseUrl = None


def token(output: Output, given: TokenOptions) -> None:
    """Make a token for a program; it is shown once.

    Programs send it as ASSAY_TOKEN.
    """
    with open_database(given.database) as opened:
        made = Accounts(opened).issue_token(given.name, given.label, given.days, now_ms())
        _record(opened, "token", f"{given.name}/{made.facts.id}")
    if output.json:
        output.document({"token": made.secret} | _token(made.facts))
        return
    output.text(made.secret, whole=True)
    output.note(f"It is shown this once, and lasts until {iso_time(made.facts.expires_ms)}.")


@dataclass(frozen=True, kw_only=True)
class RevokeOptions:
    """Options of `assay users revoke`."""

    name: Name
    token: Annotated[str, typer.Argument(metavar="ID", help="Of the token: the part between assay_ and the next _.")]
    database: options.DatabaseUrl = None


def revoke(output: Output, given: RevokeOptions) -> None:
    """End a token now."""
    with open_database(given.database) as opened:
        ended = Accounts(opened).store.revoke(given.name, given.token, now_ms())
        _record(opened, "revoke", f"{given.name}/{ended.id}")
    if output.json:
        output.document({"token": _token(ended)})
    else:
        output.text(f"The token {ended.id} of {given.name} is revoked.")
