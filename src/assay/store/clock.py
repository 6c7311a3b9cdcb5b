"""The clock that leases are written and read by: the same one for every worker of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from assay.store.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    Clock = Callable[[sa.Connection], int]
    """Milliseconds UTC, asked in a transaction."""

_OF_THE_SERVER = sa.text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)")


def shared_clock(c: sa.Connection) -> int:
    """Return the time of a server, whatever the clocks of its workers say; of a file, that of this machine."""
    return now_ms() if c.dialect.name == "sqlite" else int(c.execute(_OF_THE_SERVER).scalar_one())
