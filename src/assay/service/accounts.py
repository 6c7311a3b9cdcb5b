"""Who may use the service: users, passwords, tokens and sessions.

A secret is shown to its owner once. What is stored of it: of a password argon2id's hash, of a token or a session, which
are random and long, SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from assay.errors import InputError
from assay.market.calendar import days_to_ms
from assay.store.accounts import AccountStore, Session

if TYPE_CHECKING:
    from assay.store.accounts import AccessToken, User
    from assay.store.database import Database
    from assay.store.schema import Role

TOKEN_DAYS = 90
MAX_TOKEN_DAYS = 3_650
SESSION_MS = days_to_ms(1)
MAX_LABEL = 100

LOCAL = "local"
"""What whoever has the token of a server without users is called; no user may take the name."""

MIN_PASSWORD, MAX_PASSWORD = 12, 200

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}")
_TOKEN = re.compile(r"assay_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


class BusyError(Exception):
    """Too many passwords are being checked at the moment."""


@dataclass(frozen=True, kw_only=True)
class PasswordCost:
    """How expensive a guess at a password is; argon2-cffi's own values, which are those of RFC 9106 for less memory."""

    passes: int = 3
    memory_kib: int = 65_536
    lanes: int = 4


@dataclass(frozen=True)
class NewToken:
    """A token that was just made.

    Attributes
    ----------
    secret : str
        The token itself: to be shown now, for it cannot be shown later.
    """

    secret: str = field(repr=False)
    facts: AccessToken


@dataclass(frozen=True)
class NewSession:
    """A session that was just begun: the value of its cookie, and what its unsafe requests must send beside it."""

    secret: str = field(repr=False)
    csrf: str = field(repr=False)
    expires_ms: int


class Accounts:
    """What is done with users, their passwords, tokens and sessions.

    Parameters
    ----------
    database : Database
    cost : PasswordCost
        Of new hashes; an older one is made anew when its user signs in.
    concurrent : int
        Passwords that are checked at once: each takes the memory of its cost.
    patience_s : float
        How long another one waits for its turn.
    """

    def __init__(
        self, database: Database, cost: PasswordCost = PasswordCost(), *, concurrent: int = 2, patience_s: float = 2.0
    ) -> None:
        self.store = AccountStore(database)
        self._hasher = PasswordHasher(cost.passes, cost.memory_kib, cost.lanes)
        self._turns = threading.BoundedSemaphore(concurrent)
        self._patience_s = patience_s

    @cached_property
    def _nobodys(self) -> str:
        """The hash of a password that nobody has: an unknown name takes as long as a wrong password."""
        return self._hasher.hash(secrets.token_urlsafe(32))

    def add(self, name: str, role: Role, password: str | None, at_ms: int) -> User:
        """Add a user; without a password tokens are the only way in.

        Raises
        ------
        InputError
            When the name or the password breaks a rule (the password is not named).
        ConflictError
            When there is a user of this name.
        """
        check_name(name)
        hashed = None if password is None else self._hasher.hash(check_password(password, name))
        return self.store.add_user(name, role, hashed, at_ms)

    def set_password(self, name: str, password: str) -> User:
        """Give a user another password, which ends all sessions of before."""
        self.store.user(name)
        return self.store.set_password(name, self._hasher.hash(check_password(password, name)))

    def sign_in(self, name: str, password: str) -> User | None:
        """Return the user whose password this is; None, after as long, where it is nobody's.

        Raises
        ------
        BusyError
            When too many passwords are being checked at the moment.
        """
        if len(password) > MAX_PASSWORD:
            password = ""
        found = self.store.password_of(name) if _NAME.fullmatch(name) else None
        hashed = (found[1] if found else None) or self._nobodys
        if not self._turns.acquire(timeout=self._patience_s):
            raise BusyError
        try:
            is_right = self._verify(hashed, password)
            if not (is_right and found and found[1] and found[0].disabled_ms is None):
                return None
            if self._hasher.check_needs_rehash(hashed):
                self.store.rehash(found[0].id, self._hasher.hash(password))
        finally:
            self._turns.release()
        return found[0]

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    def issue_token(self, name: str, label: str, days: float, at_ms: int) -> NewToken:
        """Make a token for a user.

        Parameters
        ----------
        label : str
            What it is for, such as the program that will use it.
        """
        if not 0 < days <= MAX_TOKEN_DAYS:
            raise InputError("days", f"must lie in (0, {MAX_TOKEN_DAYS}]", days)
        if not (label.strip() and len(label) <= MAX_LABEL and label.isprintable()):
            raise InputError("label", f"must be 1 to {MAX_LABEL} printable characters", label)
        number, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        token = f"assay_{number}_{secret}"
        facts = self.store.add_token(name, number, label, _sha256(token), at_ms, at_ms + days_to_ms(days))
        return NewToken(token, facts)

    def user_of_token(self, token: str, at_ms: int) -> User | None:
        """Return whose token this is; None where it is nobody's, over or revoked, or its user is disabled."""
        form = _TOKEN.fullmatch(token)
        return None if form is None else self.store.by_token(form[1], _sha256(token), at_ms)

    def begin_session(self, user: User | None, at_ms: int, *, server_token: str = "") -> NewSession:
        """Begin a session: for a user, or for whoever has the server's own token, with which it ends too."""
        secret = secrets.token_urlsafe(32)
        csrf, expires = csrf_of(secret), at_ms + SESSION_MS
        bound = _session_hash(secret, "" if user else server_token)
        self.store.add_session(user.id if user else None, bound, _sha256(csrf), at_ms, expires)
        return NewSession(secret, csrf, expires)

    def session(self, secret: str, at_ms: int, *, server_token: str | None = None) -> Session | None:
        """Return the session of a cookie's value; None where it is none, or over."""
        if not _SECRET.fullmatch(secret):
            return None
        found = self.store.session(_session_hash(secret, ""), at_ms)
        if found is not None and found.user is not None:
            return found
        # of a server without users: only one that was begun with this very token, not with that of an earlier start
        return self.store.session(_session_hash(secret, server_token), at_ms) if server_token else None

    def end_session(self, secret: str, *, server_token: str | None = None) -> None:
        """End a session."""
        self.store.end_session(_session_hash(secret, ""))
        if server_token:
            self.store.end_session(_session_hash(secret, server_token))


def check_name(name: str) -> str:
    """Return the name of a new user; refuse one that breaks a rule."""
    if not _NAME.fullmatch(name):
        rule = "must be 1 to 50 of a-z, 0-9, '.', '_' and '-', and begin with a letter or digit"
        raise InputError("name", rule, name)
    if name == LOCAL:
        raise InputError("name", "is what a server without users calls whoever has its token", name)
    return name


def check_password(password: str, name: str) -> str:
    """Return a new password; refuse a short one, without repeating it."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        rule = f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters"
        raise InputError("password", rule, hint=f"This one has {len(password)}")
    if password.casefold() == name.casefold() or len(set(password)) < 4:
        raise InputError("password", "must be neither the name nor the same few characters again and again")
    try:
        password.encode()
    except UnicodeEncodeError:
        raise InputError("password", "must be text in UTF-8") from None
    return password


def csrf_of(secret: str) -> str:
    """Return what unsafe requests of a session send beside its cookie: a page of another site knows neither."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def is_csrf(session: Session, given: str) -> bool:
    """Whether a request sent what its session asks for."""
    return hmac.compare_digest(_sha256(given), session.csrf_hash)


def same_secret(given: str, expected: str) -> bool:
    """Whether two secrets are equal, in the same time whether or not they are."""
    return hmac.compare_digest(hashlib.sha256(_bytes(given)).digest(), hashlib.sha256(_bytes(expected)).digest())


def _sha256(text: str) -> str:
    return hashlib.sha256(_bytes(text)).hexdigest()


def _session_hash(secret: str, server_token: str) -> str:
    return (
        hmac.new(_bytes(server_token), _bytes(secret), hashlib.sha256).hexdigest() if server_token else _sha256(secret)
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address or name."""
    if host.casefold().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def refuse_open_server(host: str, accounts: AccountStore) -> None:
    """Refuse to serve other machines while there is no user who could sign in.

    Raises
    ------
    InputError
        When `host` is not this machine's own, and there is no enabled user.
    """
    if is_loopback(host) or accounts.is_open():
        return
    rule = "would serve other machines, and there are no users yet who could sign in"
    raise InputError("--host", rule, host, "Add one first: assay users add NAME --role admin")
