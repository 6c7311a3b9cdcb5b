"""Walking the chain of the ledger: which entry was edited, removed, put in, moved or cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.store import chain, schema
from assay.store.fields import Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.store.chain import Head, Identity
    from assay.store.database import Database

_ROWS = 1000

Entry = tuple[str, str]
"""Table and key."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written.

    Attributes
    ----------
    position : int or None
        Place in the chain, from 1; None for what is in no place of it.
    table, key : str
        Which entry: its table and the experiment's digest. A configuration that disagrees is one, too.
    change : str
        What is wrong with it, in words.
    """

    position: int | None
    table: str
    key: str
    change: str

    def __str__(self) -> str:
        """Return one clause that names the entry."""
        place = "" if self.position is None else f"entry {self.position}, "
        return f"{place}{self.table} {self.key[:40]}: {self.change}"


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """What a walk over the ledger found.

    Attributes
    ----------
    identity : Identity
    head : Head
        Length and newest hash, to be written down elsewhere.
    faults : tuple of Fault
        In the order of the chain; empty where all is as it was written.
    elsewhere : tuple of str
        Configurations with evidence whose search is not in this ledger, and of which nothing says that it ever was.
    """

    identity: Identity
    head: Head
    faults: tuple[Fault, ...]
    elsewhere: tuple[str, ...]


def check(database: Database, anchor: Head | None = None) -> LedgerCheck:
    """Compare the chain with the entries, and both with the configurations.

    Parameters
    ----------
    anchor : Head, optional
        Length and hash of an earlier moment, which were kept elsewhere.
    """
    return database.read(lambda c: _check(c, anchor))


def _check(c: sa.Connection, anchor: Head | None) -> LedgerCheck:
    if c.dialect.name != "sqlite":  # one state for all that is read; others go on writing
        c.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    identity = chain.identity(c)
    found = {table.name: _contents(c, table) for table in schema.CHAINED}
    hashes = {0: identity.genesis}
    seen: set[Entry] = set()
    faults = list(_links(c, identity, found, hashes, seen))
    beside = sorted({(table, key) for table, contents in found.items() for key in contents} - seen)
    faults += [Fault(None, *entry, "is no link of the chain: it was not written by this program") for entry in beside]
    if anchor is not None and (why := _missed(anchor, hashes)):
        faults.append(Fault(anchor.length, "ledger", anchor.hash, f"was expected here, and {why}"))
    disagree, elsewhere = _configurations(c, hashes, found["trials"])
    length = max(hashes)
    return LedgerCheck(identity, chain.Head(length, hashes[length]), (*faults, *disagree), elsewhere)


def _contents(c: sa.Connection, table: sa.Table) -> dict[str, str]:
    """Return the digest of each entry's content by its key."""
    rows = c.execute(sa.select(table).execution_options(yield_per=_ROWS)).mappings()
    return {chain.entry_key(table, dict(row)): chain.content_digest(dict(row)) for row in rows}


def _links(
    c: sa.Connection,
    identity: Identity,
    found: Mapping[str, Mapping[str, str]],
    hashes: dict[int, str],
    seen: set[Entry],
) -> Iterator[Fault]:
    """Walk the chain from its beginning; note the hash at each position and the entries that were met."""
    previous, expected = identity.genesis, 1
    query = sa.select(chain.CHAIN).order_by(chain.CHAIN.c.position).execution_options(yield_per=_ROWS)
    for link in c.execute(query):
        at, table, key = int(link.position), str(link.entry_table), str(link.entry_key)
        hashes[at] = str(link.hash)
        seen.add((table, key))
        content = found.get(table, {}).get(key)
        if at != expected:
            yield Fault(at, table, key, f"entry {expected} before it was removed from the chain")
        elif link.previous_hash != previous:
            yield Fault(at, table, key, "does not follow the entry before it, which was edited, removed or moved")
        if chain.link_hash(at, link.previous_hash, table, key, link.content_digest) != link.hash:
            yield Fault(at, table, key, "its hash is not that of its link, which was edited or moved")
        if content is None:
            yield Fault(at, table, key, "was removed")
        elif content != link.content_digest:
            yield Fault(at, table, key, "was changed after it was written")
        previous, expected = str(link.hash), at + 1


def _missed(anchor: Head, hashes: Mapping[int, str]) -> str:
    """Return why a ledger is not the one of an earlier length and hash; empty where it is."""
    if anchor.length not in hashes:
        return f"the chain ends at {max(hashes)}: its newest entries were cut off"
    if hashes[anchor.length] != anchor.hash:
        return f"the chain has {hashes[anchor.length][:12]}: it was made anew"
    return ""


def _configurations(
    c: sa.Connection, hashes: Mapping[int, str], trials: Mapping[str, str]
) -> tuple[list[Fault], tuple[str, ...]]:
    """Compare what configurations say of the ledger with the ledger; return also those that nothing ties to it."""
    t, entry = schema.trained_configurations.c, schema.trials.c
    query = (
        sa.select(t.config_id, t.experiment_digest, t.ledger_length, t.ledger_head, t.config_json)
        .add_columns(entry.data_digest, entry.combinations)
        .outerjoin_from(schema.trained_configurations, schema.trials, t.experiment_digest == entry.experiment_digest)
        .where(t.experiment_digest.is_not(None))
        .order_by(t.created_at, t.config_id)
    )
    faults, elsewhere = [], []
    for row in c.execute(query.execution_options(yield_per=_ROWS)):
        name = str(row.config_id)
        is_tied, is_there = row.ledger_length is not None, row.experiment_digest in trials
        missed = _missed(chain.Head(row.ledger_length, str(row.ledger_head)), hashes) if is_tied else ""
        if missed:
            why = f"was stored when the ledger had {row.ledger_length} entries, and {missed}"
        elif is_there:
            why = _disagreement(row)
        elif is_tied:
            why = f"its experiment {row.experiment_digest[:12]} was in the ledger and is not any more"
        else:
            why = ""
            elsewhere.append(name)
        if why:
            faults.append(Fault(None, "configuration", name, why))
    return faults, tuple(elsewhere)


def _disagreement(row: Any) -> str:
    """Return what a configuration's document says of its search and the ledger does not; empty where they agree."""
    for name, path in (("data_digest", "provenance.data_digest"), ("combinations", "evidence.search.combinations")):
        said, held = Field(name, "", "", path).read(row.config_json), getattr(row, name)
        if said != held:
            return f"its {path} is {said}, and the ledger's entry of its experiment has {held}"
    return ""
