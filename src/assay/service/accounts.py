"""Users of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.errors import InputError

if TYPE_CHECKING:
    from assay.store.accounts import AccountStore


def refuse_open_server(host: str, accounts: AccountStore) -> None:
    """Refuse to serve other machines while there is no user who could sign in."""
    if host in ("127.0.0.1", "::1", "localhost") or accounts.is_open():
        return
    rule = "would serve other machines, and there are no users yet who could sign in"
    raise InputError("--host", rule, host, "Add one first: assay users add NAME --role admin")
