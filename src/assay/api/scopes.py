"""What a request says of itself, before anything of it is believed: its host, origin, address and credentials."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from assay.api.settings import LOOPBACK
from assay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

Scope = dict[str, Any]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

MAX_HEADER_BYTES = 32_768
MAX_TARGET_BYTES = 8_192

SINGLE = (
    b"host",
    b"authorization",
    b"origin",
    b"content-type",
    b"content-length",
    b"content-encoding",
    b"x-csrf-token",
)
"""Headers of which a second one is no request of any honest client: two readers could believe two of them."""

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def header(scope: Scope, name: bytes) -> str | None:
    """Return the first header of a (lower-case) name."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def repeated(scope: Scope) -> str | None:
    """Return the name of a header that is there twice and must not be."""
    names = [key for key, _ in scope["headers"]]
    return next((name.decode() for name in SINGLE if names.count(name) > 1), None)


def header_bytes(scope: Scope) -> int:
    """Return how long the headers are together."""
    return sum(len(key) + len(value) + 4 for key, value in scope["headers"])


def has_control_characters(scope: Scope) -> bool:
    """Whether path or query hold zero bytes, line breaks or their like, written out or encoded."""
    parts = (scope["path"].encode("utf-8", "surrogatepass"), unquote_to_bytes(scope.get("query_string", b"")))
    return any(_CONTROL.search(part) for part in parts)


@dataclass(frozen=True)
class HostName:
    """A host as a header names it, and its port where that is said."""

    name: str
    port: int | None

    @classmethod
    def of(cls, text: str | None) -> HostName | None:
        """Return the host of a text; None where it is none."""
        found = _HOST.fullmatch((text or "").lower())
        if found is None:
            return None
        return cls(found[1].strip("[]").rstrip("."), int(found[2]) if found[2] else None)


def is_known_host(host: HostName | None, hosts: Sequence[str]) -> bool:
    """Whether a request's host is a name of this machine, or one that the operator named."""
    known = {known.name for known in map(HostName.of, hosts) if known} | set(LOOPBACK)
    return host is not None and host.name in known


def is_same_origin(origin: str, host: HostName, *, secure: bool) -> bool:
    """Whether an origin is that of the server's own pages.

    Parameters
    ----------
    secure : bool
        Whether those come through https.
    """
    try:
        parts = urlsplit(origin.lower())
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in (("https",) if secure else ("http", "https")) or parts.path or parts.query or parts.username:
        return False
    usual = _PORTS[parts.scheme]
    return (parts.hostname or "").rstrip(".") == host.name and (port or usual) == (host.port or usual)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return the networks that addresses, with or without the length of a prefix, name.

    Raises
    ------
    InputError
        When one is neither.
    """
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise InputError("trusted_proxies", f"must be addresses or networks ({error})") from None


def client_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """Return the address of whoever asks: the peer's, or what a trusted proxy says of the one that asked it."""
    client = scope.get("client")
    peer = str(client[0]) if client else "local"
    if not trusted or not _lies_in(peer, trusted):
        return peer
    lines = [value.decode("latin-1") for key, value in scope["headers"] if key == b"x-forwarded-for"]
    # from the right: each proxy appends whom it was asked by, and what stands further left anybody may have written
    for text in reversed([part.strip() for part in ",".join(lines).split(",")]):
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return peer
        peer = text
        if not _lies_in(text, trusted):
            break
    return peer


def _lies_in(address: str, trusted: Sequence[Network]) -> bool:
    try:
        return any(ipaddress.ip_address(address) in network for network in trusted)
    except ValueError:
        return False


def limited_by(address: str) -> str:
    """Return the key under which an address is counted: of IPv6 the network, of which one person has all addresses."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address
