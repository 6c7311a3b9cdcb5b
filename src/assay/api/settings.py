"""`Settings`: what the operator decides about a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.service.accounts import PasswordCost

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Addresses and names that only this machine reaches."""

MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the operator decides about a server.

    Attributes
    ----------
    token : str or None
        Token of a server without users, which it prints when it starts; None where users sign in.
    hosts : tuple of str
        Names by which browsers may address the server, beside those of this machine.
    strategies : Path or None
        Folder of users' strategies: a request names one of its files, and no other file is ever opened.
    offline : bool
        Whether no exchange is asked for bars.
    secure_cookies : bool
        Whether the server is reached through https, so that cookies are never sent without it.
    upload_limit, body_limit : int
        Bytes of an uploaded file, and of any other body.
    requests_per_minute : int
        Of one user and of one address.
    event_limit : int
        Streams of events that may be open at once.
    allow_origins : tuple of str
        Other sites whose pages may call the API; none by default.
    trusted_proxies : tuple of str
        Addresses or networks of proxies that say for whom they ask (X-Forwarded-For); nobody else is believed.
    failed_sign_ins_per_minute : int
        Wrong passwords of one address; three times as many for one name, ten times as many wrong tokens.
    body_timeout_s : float
        How long a body may take, beside what its bytes take at 4 KiB a second.
    password_cost : PasswordCost
        How expensive a guess at a password is.
    """

    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    strategies: Path | None = None
    offline: bool = False
    secure_cookies: bool = False
    upload_limit: int = 512 * MIB
    body_limit: int = MIB
    requests_per_minute: int = 6_000
    event_limit: int = 1_000
    allow_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    failed_sign_ins_per_minute: int = 10
    body_timeout_s: float = 30.0
    password_cost: PasswordCost = field(default_factory=PasswordCost)
