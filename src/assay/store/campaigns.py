"""Campaigns in the ledger: which experiments have seen the same days, and their null statistics."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from assay.store import chain, schema
from assay.store.ledger import MarketDays, begun, trials_near, trials_on
from assay.store.schema import DeclarationKind
from assay.validation import NullStatistics, Stage, TriedExperiment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """An experiment that somebody means to make, or has begun."""

    experiment_digest: str
    kind: DeclarationKind
    exchange: str
    symbol: str
    timeframe: str
    start_ms: int
    stop_ms: int
    strategy: str
    first_day: int
    day_closes: bytes
    note: str | None = None

    @property
    def days(self) -> MarketDays:
        """The days that it will see."""
        return MarketDays.of(self)


def declare(c: sa.Connection, declaration: Declaration, *, user: str, at_ms: int) -> bool:
    """Append a declaration in a transaction of the caller's; return False when it is there already."""
    return chain.append(c, schema.trial_declarations, asdict(declaration) | {"user_id": user, "at": at_ms})


def withdraw(c: sa.Connection, digests: Iterable[str], *, user: str, at_ms: int) -> None:
    """Say of started experiments that they are no tries, in a transaction of the caller's."""
    t = schema.trial_declarations.c
    for digest in digests:
        query = sa.select(schema.trial_declarations).where(
            t.experiment_digest == digest, t.kind == DeclarationKind.STARTED
        )
        if (row := c.execute(query).mappings().first()) is not None:
            values = dict(row) | {"kind": DeclarationKind.WITHDRAWN.value, "user_id": user, "at": at_ms}
            chain.append(c, schema.trial_declarations, values)


def declared(c: sa.Connection, experiment_digest: str) -> tuple[str, int] | None:
    """Return note and moment of a declaration that was made before anything was run, if there is one."""
    t = schema.trial_declarations.c
    query = sa.select(schema.trial_declarations).where(
        t.experiment_digest == experiment_digest, t.kind == DeclarationKind.DECLARED
    )
    found = c.execute(query).first()
    return None if found is None else (str(found.note or ""), int(found.at))


def members(c: sa.Connection, days: MarketDays) -> list[str]:
    """Return the digests of all experiments on the same days, finished or begun, in a transaction of the caller's."""
    return members_of_all(c, [days], SameDays())[0]


class SameDays:
    """Whether histories have seen the same days: asked of each two once, however many experiments are on them.

    Attributes
    ----------
    known : dict of (int, int) to bool
        What was compared, by the numbers of two histories.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[Any, ...], int] = {}
        self.known: dict[tuple[int, int], bool] = {}

    def number(self, days: MarketDays) -> int:
        """Return the number of a history: equal ones have the same."""
        closes = None if days.closes is None else (days.closes.first, days.closes.closes.tobytes())
        key = (days.exchange, days.symbol, days.start_ms, days.stop_ms, closes)
        return self._numbers.setdefault(key, len(self._numbers))

    def __call__(self, one: tuple[int, MarketDays], other: tuple[int, MarketDays]) -> bool:
        """Return whether two histories, each with its number, have seen the same days at the same time."""
        (i, a), (j, b) = sorted((one, other), key=lambda numbered: numbered[0])
        if (found := self.known.get((i, j))) is None:
            found = a.start_ms < b.stop_ms and a.stop_ms > b.start_ms and a.same_as(b)
            self.known[i, j] = found
        return found


def members_of_all(
    c: sa.Connection, asked: Sequence[MarketDays], same: SameDays, beside: Iterable[Declaration] = ()
) -> list[list[str]]:
    """Return `members` of each of some days; the ledger is read once, in a transaction of the caller's.

    Parameters
    ----------
    same : SameDays
        Keeps what was compared: comparing a thousand markets takes seconds, for which no ledger is to be locked.
    beside : iterable of Declaration
        Experiments that count as if they stood in the ledger.
    """
    if not asked:
        return []
    whole = MarketDays("", "", min(one.start_ms for one in asked), max(one.stop_ms for one in asked))
    on: dict[int, tuple[MarketDays, set[str]]] = {}
    rows: list[Any] = [*begun(c, whole), *trials_near(c, whole), *beside]
    for row in rows:
        days = MarketDays.of(row)
        on.setdefault(same.number(days), (days, set()))[1].add(row.experiment_digest)
    found: dict[int, list[str]] = {}
    for days in asked:
        number = same.number(days)
        if number not in found:
            same_days = (digests for n, (other, digests) in on.items() if same((number, days), (n, other)))
            found[number] = sorted(set().union(*same_days))
    return [found[same.number(days)] for days in asked]


def without_result(c: sa.Connection, *, exchange: str | None = None, symbol: str | None = None) -> int:
    """Count the experiments that were begun and have no entry, in a transaction of the caller's."""
    done = set(c.scalars(sa.select(schema.trials.c.experiment_digest)))
    return sum(
        row.experiment_digest not in done and exchange in (None, row.exchange) and symbol in (None, row.symbol)
        for row in begun(c)
    )


def append_nulls(c: sa.Connection, experiment_digest: str, found: NullStatistics, *, at_ms: int) -> bool:
    """Append null statistics in a transaction of the caller's; return False where these are there already."""
    if not len(found.maxima):
        return False
    maxima = found.maxima.astype("<f8").tobytes()
    values = {"first": found.first, "statistic": found.statistic, "maxima": maxima, "at": at_ms}
    return chain.append(c, schema.trial_nulls, {"experiment_digest": experiment_digest, **values})


def tried_experiments(c: sa.Connection, digests: Iterable[str]) -> list[TriedExperiment]:
    """Return what is known of experiments, in the order of their digests, in a transaction of the caller's."""
    t = schema.trial_nulls.c
    chunks: dict[str, list[NullStatistics]] = {digest: [] for digest in sorted(set(digests))}
    for some in _some(list(chunks)):
        query = sa.select(schema.trial_nulls).where(t.experiment_digest.in_(some)).order_by(t.first)
        for row in c.execute(query):
            found = NullStatistics(row.statistic, row.first, np.frombuffer(row.maxima, "<f8"))
            chunks[row.experiment_digest].append(found)
    return [_joined(digest, found) for digest, found in chunks.items()]


MAX_VALUES = 500
"""Values in one IN of a query; SQLite takes 999 at least."""


def _some(digests: Sequence[str]) -> Iterable[Sequence[str]]:
    return (digests[i : i + MAX_VALUES] for i in range(0, len(digests), MAX_VALUES))


def _joined(digest: str, chunks: Sequence[NullStatistics]) -> TriedExperiment:
    """Return the statistics of one experiment from permutation 0 on, as far as they go without a gap."""
    maxima: NDArray[np.float64] = np.zeros(0)
    for chunk in chunks:
        if chunk.first > len(maxima):
            break
        maxima = np.append(maxima, chunk.maxima[len(maxima) - chunk.first :])
    return TriedExperiment(digest, chunks[0].statistic if chunks else math.nan, maxima)


@dataclass(frozen=True, slots=True)
class Repeatable:
    """What an experiment is made again from.

    Attributes
    ----------
    task : mapping
        `TrainingTask.spec` of the service.
    combinations : int
    """

    task: Mapping[str, Any]
    combinations: int


def repeatable(c: sa.Connection, digests: Sequence[str]) -> dict[str, Repeatable]:
    """Return what each experiment is made again from, where that is known, in a transaction of the caller's."""
    t = schema.trials.c
    found: dict[str, Repeatable] = {}
    for some in _some(digests):
        query = sa.select(t.experiment_digest, t.task, t.combinations).where(t.experiment_digest.in_(some))
        rows = c.execute(query).all()
        found |= {row.experiment_digest: Repeatable(row.task, row.combinations) for row in rows if row.task is not None}
    return found


def promoted_on(c: sa.Connection, days: MarketDays) -> list[int]:
    """Return how many permutations each promoted configuration on the same days has, in the caller's transaction."""
    t = schema.trained_configurations.c
    query = (
        sa.select(t.experiment_digest)
        .where(t.status != Stage.PAPER.value, t.archived_at.is_(None), t.experiment_digest.is_not(None))
        .distinct()
    )
    promoted = set(c.execute(query).scalars()) & set(trials_on(c, days))
    return [len(one.maxima) for one in tried_experiments(c, promoted)]
