"""`assay ledger`: what was tried, on which days, what that does to the best of it; and whether nobody rewrote it."""

import getpass
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from assay.cli import complete, options
from assay.cli.bars import load_bars
from assay.cli.commands.train import TrainOptions
from assay.cli.output import Column, Output, iso_time
from assay.errors import GateError, InputError
from assay.market import canonical_symbol
from assay.plurals import plural
from assay.search.objective import REFUSED
from assay.service.database import open_database
from assay.service.ledger import declaration_of
from assay.service.ledger_facts import check_facts, experiment_rows, parse_head
from assay.sources.user_strategy import load_strategy
from assay.store.campaign_summary import CampaignSummary, campaigns
from assay.store.campaigns import declare as store_declaration
from assay.store.campaigns import members, without_result
from assay.store.database import now_ms
from assay.store.ledger import Ledger
from assay.store.ledger_check import LedgerCheck, check
from assay.store.schema import DeclarationKind

Exchange = Annotated[
    str | None,
    typer.Option("--exchange", metavar="NAME", help="Only this exchange.", autocompletion=complete.exchanges),
]
Symbol = Annotated[
    str | None,
    typer.Option("--symbol", metavar="BTC/USDT", help="Only this symbol.", autocompletion=complete.symbols),
]
Anchor = Annotated[
    str | None,
    typer.Option("--head", metavar="LENGTH:HASH", help="What an earlier check printed and you kept elsewhere."),
]

Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for whoever reads the configuration later.")]

MAX_FAULTS = 20
"""Faults that are shown to a reader; JSON has them all."""


@dataclass(frozen=True, kw_only=True)
class LedgerOptions:
    """Options of `assay ledger`."""

    exchange: Exchange = None
    symbol: Symbol = None
    columns: options.Columns = None
    database: options.DatabaseUrl = None


def ledger(output: Output, given: LedgerOptions) -> None:
    """List every experiment ever run and every opened holdout.

    Entries cannot be removed.
    """
    with open_database(given.database) as opened:
        book = Ledger(opened)
        exchange = given.exchange.lower() if given.exchange else None
        symbol = canonical_symbol(given.symbol) if given.symbol else None
        entries = book.entries(exchange=exchange, symbol=symbol)
        rows = experiment_rows(book, entries)
        openings, groups = book.openings(), opened.read(lambda c: campaigns(c, entries))
        lacking = opened.read(lambda c: without_result(c, exchange=exchange, symbol=symbol))
    if output.json:
        found_groups = [asdict(group) for group in groups]
        output.document({"experiments": rows, "holdout_openings": openings, "campaigns": found_groups})
        return
    if not rows and not openings:
        output.note("Nothing is stored yet: every training and every sweep writes an experiment down.")
        return
    _experiments(output, rows, given.columns)
    begun = f" and {lacking} without a result (interrupted or still running, counted as tries)" if lacking else ""
    output.text(
        f"{plural(len(rows), 'experiment')}{begun}, {plural(len(openings), 'opened holdout')}. 'Best score' is what "
        "the search goes by: the measure, drawn towards no gain where trades are few; - where no combination could be "
        "scored. 'Experiments on these days' counts those that have seen more than half of the shorter span of the "
        "same days, whatever file or exchange they came from; 'best by chance' is what the best of all their "
        "combinations shows without any edge, in standard errors."
    )
    _campaigns(output, groups)


def _experiments(output: Output, rows: Sequence[dict[str, Any]], only: str | None) -> None:
    measures = {row["objective"] for row in rows}
    best = f"best score, {next(iter(measures))}" if len(measures) == 1 else "best score"
    columns = (
        Column("at (UTC)", 4, name="at"),
        Column("market", narrow=9),
        Column("days", narrow=13),
        Column("strategy", 1, narrow=10),
        Column("method", 5),
        Column("combinations", 3),
        Column("measure", 6, name="measure", shown=len(measures) > 1),
        Column(best, 2, name="best"),
        Column("experiments on these days"),
        Column("best by chance, standard errors", 1, name="best_by_chance"),
    )
    shown = [
        (
            iso_time(row["at"])[:16],
            f"{row['exchange']} {row['symbol']} {row['timeframe']}",
            f"{iso_time(row['start_ms'])[:10]} to {iso_time(row['stop_ms'])[:10]}",
            row["strategy"],
            row["method"],
            row["combinations"],
            row["objective"],
            None if row["best"] is not None and row["best"] <= REFUSED else row["best"],
            row["experiments_on_these_days"],
            round(row["expected_maximum"], 1),
        )
        for row in rows
    ]
    output.table("", columns, shown, only, choosable=True)


def _campaigns(output: Output, groups: Sequence[CampaignSummary]) -> None:
    """Show what was tried on the same days together, and what is left of the configurations that were promoted."""
    output.text("")
    columns = (
        Column("same days", narrow=9),
        Column("from"),
        Column("to"),
        Column("experiments"),
        Column("unknown p", 3, name="unknown"),
        Column("combinations", 1),
        Column("declared", 4),
        Column("promoted", 2),
    )
    rows = [
        (
            ", ".join(g.markets),
            iso_time(g.start_ms)[:10],
            iso_time(g.stop_ms)[:10],
            g.experiments,
            g.unknown,
            g.combinations,
            g.declared,
            len(g.promoted),
        )
        for g in groups
    ]
    output.table("Campaigns", columns, rows)
    for group in groups:
        for one in group.promoted:
            p = "unknown" if one.p_adjusted is None else f"{one.p_adjusted:.3g}"
            output.text(f"  {one.config_id}: stored as {one.stored_stage}, now {one.stage}; p with all tries {p}")


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """Options of `assay ledger verify`."""

    head: Anchor = None
    database: options.DatabaseUrl = None


def verify(output: Output, given: VerifyOptions) -> None:
    """Check that no entry was changed or removed.

    The first that was is named.
    """
    anchor = parse_head(given.head, "--head")
    with open_database(given.database) as opened:
        found = check(opened, anchor)
    if output.json:
        output.document(check_facts(found))
    else:
        _tell(output, found)
    if found.faults:
        first = f"the ledger is not as it was written; the first fault: {found.faults[0]}"
        raise typer.Exit(GateError.exit_code) if output.json else GateError(first)


@dataclass(frozen=True, kw_only=True)
class DeclareOptions(TrainOptions):
    """Options of `assay ledger declare`."""

    note: Note

    def named_value(self, name: str) -> object:
        """Return the value of an option; None where it stands at its default."""
        value = getattr(self, name)
        return None if value == next(f.default for f in fields(TrainOptions) if f.name == name) else value


_OF_A_RUN = ("threads", "max_runtime", "offline", "resume", "out")
"""Options of `assay train` that do not belong to what is declared."""


def declare(output: Output, given: DeclareOptions) -> None:
    """Write down an experiment before it is run.

    Its configuration shows the note and the time.
    """
    for name in _OF_A_RUN:
        if given.named_value(name) is not None:
            raise InputError(f"--{name.replace('_', '-')}", "says how a training runs; nothing is run here")
    strategy = load_strategy(given.strategy)
    request = given.request(given.strategy, strategy)
    bars = load_bars(output, given)
    experiment = request.experiment(strategy, bars)
    entry = declaration_of(experiment, bars, DeclarationKind.DECLARED, given.note)
    with open_database(given.database) as opened:
        user, at = getpass.getuser(), now_ms()

        def write(c: sa.Connection) -> tuple[bool, bool]:
            known = entry.experiment_digest in members(c, entry.days)
            return known, not known and store_declaration(c, entry, user=user, at_ms=at)

        known, is_new = opened.write(write)
    if known:
        hint = "Only what nobody has run can be declared"
        raise InputError(f"{entry.strategy} on {bars.market}", "was run already with these options", hint=hint)
    if output.json:
        output.document({"experiment_digest": entry.experiment_digest, "note": given.note, "new": is_new})
        return
    when = "Declared" if is_new else "It was declared before, which stands"
    output.text(f"{when}: {entry.strategy} on {bars.market}, experiment {entry.experiment_digest[:12]}.")
    output.text("Run assay train with the same options: the configuration will show it.")


def _tell(output: Output, found: LedgerCheck) -> None:
    who, head = found.identity, found.head
    rows = [("-" if f.position is None else f.position, f.table, f.key[:40], f.change) for f in found.faults]
    if rows:
        columns = ("entry", "table", Column("key", narrow=12), Column("what", narrow=20))
        output.table("NOT as it was written", columns, rows[:MAX_FAULTS])
        more = "." if len(rows) <= MAX_FAULTS else "; --json has them all."
        output.text(f"{plural(len(rows), 'fault')}{more}")
    output.text(f"Ledger {who.id}: {plural(head.length, 'entry')}, chained since {iso_time(who.created_at)[:10]}.")
    if who.entries_before:
        output.text(f"{who.entries_before} of them were there before: what happened to them until then, nothing tells.")
    if not rows:
        output.text("Every entry is as it was written and where it was written.")
    if found.elsewhere:
        names = ", ".join(found.elsewhere[:3]) + (", ..." if len(found.elsewhere) > 3 else "")
        output.text(f"{len(found.elsewhere)} configurations whose search is not in this ledger: {names}.")
    output.text("Keep this elsewhere, and give it to --head later:")
    output.text(f"{head.length}:{head.hash}", whole=True)
