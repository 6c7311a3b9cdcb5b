"""The first page: what is held, what runs, what was found, and what was tried for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Request
from nicegui import ui

from assay.errors import AssayError
from assay.market.quality import REQUIRED_VALID_PCT
from assay.service.demo import TRUTH, start_demo
from assay.store.schema import Role
from assay.studio import addresses, facts
from assay.studio.addresses import address
from assay.studio.frame import PAGE_S, framed
from assay.studio.job_cards import JobCards
from assay.studio.panels import empty, explained, panel, stage_badge, tile
from assay.studio.tables import Column, plain_table
from assay.studio.values import count, day, measure, number, percent, size
from assay.studio.visit import Visit, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.store.campaign_summary import CampaignSummary
    from assay.store.registry import Registered

STAGES = ("MATURE", "VALIDATION", "DISCOVERY", "PAPER")

STAGE_NOTES = {
    "MATURE": "Passed every gate: the most capital.",
    "VALIDATION": "Passed the tests for luck: a little capital, to be watched.",
    "DISCOVERY": "Promising, not proven: no capital.",
    "PAPER": "Not proven: for paper trading only.",
}


@ui.page(addresses.OVERVIEW, response_timeout=PAGE_S)
async def overview(request: Request) -> None:
    """Show the first page."""
    with framed(request, "Overview", addresses.OVERVIEW) as visit:
        found = await visit.read(facts.overview, visit.database, visit.state.bars)
        if found.is_empty:
            _welcome(visit)
            return
        with ui.element("div").classes("grid"):
            _numbers(found)
            with ui.element("div").classes("grid two"):
                with ui.element("div").classes("column"):
                    with panel("Running", note="Jobs that wait or run; they go on whether or not anybody looks."):
                        cards = JobCards(visit, found.running)
                        cards.follow()
                    with panel("Latest verdicts", classes="flush"):
                        _verdicts(found.newest)
                    with panel("Tries on the same days", note=CAMPAIGN_NOTE, classes="flush"):
                        _campaigns(found.campaigns)
                with ui.element("div").classes("column"), panel("Markets", classes="flush"):
                    _markets(found.markets)


CAMPAIGN_NOTE = (
    "Every experiment on the same days counts as one more try. The p of a configuration is adjusted for all of them, "
    "also for those that came later."
)


def _welcome(visit: Visit) -> None:
    with panel("Nothing is stored yet"):
        box = empty(
            "Try it on markets whose truth is known",
            "Three simulated markets: one with a planted edge, one without any, one with bad data. "
            "The search finds good-looking parameters on all of them; see which it believes.\n"
            "It takes about a minute, and asks no exchange.",
        )
        with box, ui.element("div").classes("row"):
            button = ui.button("Run the demonstration", on_click=lambda: _begin_demo(visit)).props("unelevated")
            if not visit.may(Role.TRADER):
                button.disable()
                ui.label(f"This needs the role {Role.TRADER}.").classes("muted")
            ui.link("Import or download bars of your own", address(addresses.DATA))


async def _begin_demo(visit: Visit) -> None:
    ui.notify("Simulating three markets …", type="ongoing", timeout=4_000)
    try:
        job = await visit.change(
            "studio: demonstration", Role.TRADER, lambda: start_demo(visit.database, user=visit.caller.name)
        )
    except AssayError as error:
        say(error)
        return
    ui.navigate.to(address(addresses.JOBS, job=job))


def _numbers(found: facts.Overview) -> None:
    stages: Mapping[str, int] = found.summary["by_stage"]
    with panel("At a glance"), ui.element("div").classes("tiles"):
        tile("Markets", count(len(found.markets)))
        tile("Running jobs", count(len(found.running)))
        alive = len(found.workers)
        tile("Workers", count(alive), tone="" if alive else "bad", note="Processes that were seen in the last 30 s.")
        for stage in STAGES:
            tile(stage, count(stages.get(stage, 0)), note=STAGE_NOTES[stage])
        tile("Active", count(found.summary["active"]), note="Configurations that trading programs load.")
        tile("Tries", count(sum(group.experiments for group in found.campaigns)), note=CAMPAIGN_NOTE)


def _verdicts(newest: Sequence[Registered]) -> None:
    if not newest:
        with empty("No configuration yet", "Train a strategy: its verdict will be here."):
            ui.link("Train", address(addresses.TRAIN))
        return
    columns = (
        Column("Verdict"),
        Column("Configuration"),
        Column("Market"),
        Column("Sharpe", is_number=True, note=measure("sharpe_ratio")),
        Column("Net profit", is_number=True, note=measure("net_profit_pct")),
        Column("Trades", is_number=True, note=measure("total_trades")),
        Column("p", is_number=True, note=measure("p_value")),
        Column("Made"),
    )
    with plain_table(columns) as table:
        for one in newest:
            row = one.row
            with table.row():
                with table.cell():
                    stage_badge(row["status"])
                with table.cell():
                    ui.link(row["strategy_name"], address(f"{addresses.CONFIGURATIONS}/{one.config_id}"))
                table.text(f"{row['pair']} {row['timeframe']} · {row['exchange']}")
                table.text(number(row["sharpe_ratio"], 2))
                table.text(number(row["net_profit"], 0, sign=True))
                table.text(count(row["sample_size"]))
                table.text(number(row["p_value"], 3))
                table.text(day(row["created_at"]))


def _campaigns(groups: Sequence[CampaignSummary]) -> None:
    if not groups:
        empty("Nothing was tried yet", "Every search is entered in the ledger, and none can be taken back.")
        return
    columns = (
        Column("Market"),
        Column("Days"),
        Column("Experiments", is_number=True),
        Column("Combinations", is_number=True),
        Column("Best today", note="The smallest p of a promoted configuration, adjusted for all tries on these days."),
    )
    with plain_table(columns) as table:
        for group in groups[: facts.NEWEST]:
            with table.row():
                table.text(", ".join(group.markets))
                table.text(f"{day(group.start_ms)} to {day(group.stop_ms)}")
                table.text(count(group.experiments))
                table.text(count(group.combinations))
                known = [one for one in group.promoted if one.p_adjusted is not None]
                best = min(known, key=lambda one: one.p_adjusted or 0.0, default=None)
                table.text("nothing was promoted" if best is None else f"{best.stage}, p {number(best.p_adjusted, 3)}")


def _markets(markets: Sequence[Mapping[str, Any]]) -> None:
    if not markets:
        with empty("No bars yet", "Import a file or download from an exchange."):
            ui.link("Data", address(addresses.DATA))
        return
    columns = (
        Column("Market"),
        Column("Bars", is_number=True),
        Column("Valid", is_number=True, note="Bars that may signal, in percent of those that the calendar expects."),
        Column("To"),
        Column("Size", is_number=True),
    )
    with plain_table(columns) as table:
        for row in markets:
            with table.row():
                with table.cell():
                    _market_link(row)
                table.text(count(row["bars"]))
                table.text(_valid(row["valid_pct"]), tone=_tone(row["valid_pct"]))
                table.text(day(row["to"]))
                table.text(size(row["size_bytes"]))


def _market_link(row: Mapping[str, Any]) -> None:
    exchange, symbol, timeframe = row["exchange"], row["symbol"], row["timeframe"]
    link = ui.link(
        f"{symbol} {timeframe} · {exchange}", address(addresses.DATA, market=f"{exchange}:{symbol}:{timeframe}")
    )
    truth = TRUTH.get(str(symbol).partition("/")[0].lower())
    if exchange == "simulated" and truth is not None:
        explained(link, f"Simulated: {truth}.")


def _valid(valid_pct: float | None) -> str:
    return percent(valid_pct, 1) + ("" if _tone(valid_pct) == "" else " ⚠ too few to train on")


def _tone(valid_pct: float | None) -> str:
    return "" if valid_pct is None or valid_pct >= REQUIRED_VALID_PCT else "warn"
