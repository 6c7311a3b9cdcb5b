"""What the shell offers where a value is half written: choices, strategies, stored markets, configurations, jobs.

Whatever goes wrong here offers nothing: a shell that asks for completions is no place for an error.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from assay.engine import OBJECTIVES
from assay.engine.costs import SIZINGS
from assay.engine.execution import Side
from assay.search import SAMPLERS
from assay.service.database import open_database
from assay.service.executors import EXECUTORS
from assay.service.log_files import LEVELS
from assay.store import BarStore, Database, Registry
from assay.store.ids import LAST
from assay.store.jobs import JobStore
from assay.store.location import database_url
from assay.strategies import STRATEGIES
from assay.training import PERMUTATIONS
from assay.validation.lifecycle import STAGES
from assay.validation.splits import MODES

CHOICES: dict[str, tuple[str, ...]] = {
    "strategy": tuple(STRATEGIES),
    "objective": tuple(OBJECTIVES),
    "method": ("auto", *SAMPLERS),
    "evidence": tuple(PERMUTATIONS),
    "validation": tuple(MODES),
    "side": tuple(side.value for side in Side),
    "sizing": SIZINGS,
    "status": tuple(STAGES),
    "grid": ("default", "benchmark"),
    "log-level": LEVELS,
    "executor": EXECUTORS,
    "timeframe": ("1m", "5m", "15m", "30m", "1h", "4h", "1d"),
}
"""Values of options that know all of theirs, and those of others that are usual."""


def choice(name: str) -> Callable[[str], list[str]]:
    """Return what offers the choices of an option; in a list such as ``A,B`` those of its last part."""

    def offered(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{one}" for one in _beginning(last, CHOICES[name])]

    return offered


def _beginning(incomplete: str, known: Iterable[str]) -> list[str]:
    asked = incomplete.casefold()
    return [one for one in known if one.casefold().startswith(asked)]


def _stored(ctx: typer.Context, read: Callable[[Database], Iterable[str]]) -> list[str]:
    """Read names from the database that the command line names so far; none where there is none to be read."""
    url = ctx.params.get("database") or database_url()
    if "://" not in url and not Path(url).is_file():  # looking must not make one
        return []
    try:
        with open_database(url, upgrade=False) as opened:
            return list(dict.fromkeys(read(opened)))
    except Exception:  # noqa: BLE001  (see the module: an error would be written into the user's command line)
        return []


def configurations(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the ids of configurations, the newest first."""
    return _beginning(incomplete, [LAST, *_stored(ctx, lambda opened: Registry(opened).ids())])


def unfinished_jobs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the jobs that can go on."""
    return _beginning(incomplete, [LAST, *_stored(ctx, lambda opened: JobStore(opened).ids(unfinished=True))])


def symbols(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the symbols that are stored; in a list such as ``A,B`` for its last part."""
    before, comma, last = incomplete.rpartition(",")
    known = _stored(ctx, lambda opened: sorted(m.market.symbol for m in BarStore(opened).markets()))
    return [f"{before}{comma}{one}" for one in _beginning(last, known)]


def exchanges(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the exchanges of which bars are stored."""
    return _beginning(
        incomplete, _stored(ctx, lambda opened: sorted(m.market.exchange for m in BarStore(opened).markets()))
    )
