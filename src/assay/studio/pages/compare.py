"""Several configurations side by side: stages and reasons, days in common, parameters and measures field by field."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
from fastapi import Request
from nicegui import ui

from assay.engine.shared_days import MIN_SHARED_DAYS, SharedDays
from assay.errors import ChangedError, InputError, NotFoundError
from assay.service.comparison import FEWEST, MOST, Compared, Member, check_ids, compared
from assay.studio import addresses
from assay.studio.addresses import address
from assay.studio.comparison_plots import TOGETHER, overlaid, shade
from assay.studio.comparison_rows import columns_of, rows_of
from assay.studio.configuration_rows import ADJUSTED_NOTE
from assay.studio.elements.listing import Listing
from assay.studio.frame import PAGE_S, framed, is_dark, styles
from assay.studio.panels import empty, explained, panel, stage_badge
from assay.studio.plots import palette
from assay.studio.tables import Column, plain_table
from assay.studio.values import UNKNOWN, count, day, measure, number, percent, share
from assay.studio.visit import Visit

if TYPE_CHECKING:
    from assay.engine.shared_days import SharedMeasures
    from assay.service.comparison import FieldRow

DIFFERENCES = "differences"


@ui.page(addresses.COMPARE, response_timeout=PAGE_S)
async def compare(request: Request, show: str = DIFFERENCES) -> None:
    """Show the page."""
    with framed(request, "Compare", addresses.CONFIGURATIONS) as visit:
        styles("configurations.css")
        ids = list(dict.fromkeys(request.query_params.getlist("ids")))
        try:
            check_ids(ids)
        except InputError:
            with (
                panel("Compare"),
                empty(f"Choose {FEWEST} to {MOST} configurations", "Tick them in the list, then press Compare."),
            ):
                ui.link("To the list", address(addresses.CONFIGURATIONS, chosen=ids or None))
            return
        try:
            found = await visit.work(lambda: compared(visit.database, ids))
        except NotFoundError as error:
            with (
                panel("Compare"),
                empty(
                    "This cannot be compared",
                    f"There is no configuration {error.value}: it may be of another database.",
                ),
            ):
                others = [one for one in ids if one != error.value]
                ui.link("Choose others", address(addresses.CONFIGURATIONS, chosen=others or None))
            return
        with ui.element("div").classes("grid"):
            _members(found, ids)
            _common_days(found, dark=is_dark(request))
            _fields(visit, found, ids, show)


def _members(found: Compared, ids: list[str]) -> None:
    with panel("Side by side"):
        with ui.element("div").classes("members"):
            for member in found.members:
                _member(member, ids)
        for name, change in found.changed:
            ui.label(f"Not compared: {ChangedError(name, change)}").classes("warn")
        ui.link("Choose others", address(addresses.CONFIGURATIONS, chosen=ids))


def _member(member: Member, ids: list[str]) -> None:
    row, config_id = member.found.row, member.found.config_id
    with ui.element("article").classes("member"):
        with ui.element("div").classes("row"):
            ui.label(member.letter).classes("letter")
            stage_badge(member.found.status)
            if member.reason is not None:
                ui.label("today").classes("muted")
                stage_badge(member.stage_today)
            if row["is_active"]:
                ui.label("● active").classes("tag")
            if row["archived_at"] is not None:
                ui.label("archived").classes("tag")
            ui.element("div").classes("grow")
            others = [one for one in ids if one != config_id]
            if len(ids) > FEWEST:
                ui.link("Leave out", address(addresses.COMPARE, ids=others)).props["aria-label"] = (
                    f"Leave out {member.letter}"
                )
        ui.link(str(row["strategy_name"]), address(f"{addresses.CONFIGURATIONS}/{quote(config_id)}"))
        ui.label(f"{row['pair'] or UNKNOWN} {row['timeframe'] or ''} · {row['exchange'] or UNKNOWN}")
        ui.label(config_id).classes("mono muted")
        with ui.element("div").classes("row"):
            ui.label(f"made {day(row['created_at'])}").classes("muted")
            ui.label(f"p {number(row['p_value'], 3)}").classes("muted")
            adjusted = None if math.isnan(member.p_adjusted) else member.p_adjusted
            explained(ui.label(f"p adjusted {number(adjusted, 3)}").classes("muted"), ADJUSTED_NOTE)
        why = member.reason or member.why
        with ui.element("div").classes("why" if why else "why fine"):
            ui.label("Why not promoted" if why else "Every gate holds").classes("why-title")
            if why:
                ui.label(why)


# the days that they share


def _common_days(found: Compared, *, dark: bool) -> None:
    shared, members = found.shared, found.with_run
    without = [member.letter for member in found.members if not member.has_run]
    if shared is None:
        with panel("On common days"):
            why = (
                f"Stored without a run: {', '.join(without)}. Train again to see them."
                if len(members) < FEWEST
                else "They were tested on different days: train them on the same ones."
            )
            empty("There are no days to compare", why)
        return
    letters = [member.letter for member in members]
    first, last = (str(np.datetime64(at, "D")) for at in (shared.first_day, shared.first_day + shared.days - 1))
    with panel("Equity on common days", note=EQUITY_NOTE):
        text = (
            f"{count(shared.days)} days out of sample that all have, {first} to {last}: each from 1 before the first."
        )
        if without:
            text += f" Stored without a run: {', '.join(without)}."
        ui.label(text).classes("strong")
        chart = ui.echart(overlaid(palette(dark=dark), shared, letters, dark=dark)).classes("chart overlaid")
        chart.props["aria-label"], chart.props["role"] = f"Equity and drawdown of {', '.join(letters)}", "img"
    with ui.element("div").classes("grid halves"):
        with panel("Correlation of daily returns", note=CORRELATION_NOTE):
            _correlation(shared, letters)
        with panel("Portfolio at equal risk", note=RISK_NOTE, classes="flush tight"):
            _equal_risk(shared, letters)


EQUITY_NOTE = (
    "Worth at day ends of the days out of sample that all of them have. Beneath: how far each lies under its highest "
    "day end so far. The legend takes lines away and brings them back."
)
CORRELATION_NOTE = (
    "Pearson correlation of the returns of the same days: 1 moves alike, 0 has nothing in common, -1 moves against. "
    f"Unknown below {MIN_SHARED_DAYS} days, and of one that does not vary."
)
RISK_NOTE = (
    "Each is weighted by one over its daily volatility on the common days, and the weights are restored every day, "
    "without costs."
)
NO_PROOF = (
    "The weights were set on the same days that are shown: this describes what was. It is no proof of what will be, "
    "and no gate has judged it."
)


def _correlation(shared: SharedDays, letters: list[str]) -> None:
    ui.label(f"Over {count(shared.days)} common days.").classes("muted")
    with ui.element("div").classes("scroll"), ui.element("table").classes("heat").props('aria-label="Correlations"'):
        with ui.element("tr"):
            ui.element("td").style("border: 0")
            for letter in letters:
                with ui.element("th").props("scope=col"):
                    ui.label(letter)
        for i, letter in enumerate(letters):
            with ui.element("tr"):
                with ui.element("th").props("scope=row"):
                    ui.label(letter)
                for j in range(len(letters)):
                    value = float(shared.correlation[i, j])
                    with ui.element("td").style(shade(value)):
                        ui.label(UNKNOWN if math.isnan(value) else number(value, 2, sign=i != j))
    if shared.days < MIN_SHARED_DAYS:
        ui.label(f"Unknown: {count(shared.days)} days are fewer than {MIN_SHARED_DAYS}.").classes("warn")


def _equal_risk(shared: SharedDays, letters: list[str]) -> None:
    columns = (
        Column("Member"),
        Column("Weight", is_number=True, note="One over the daily volatility, in shares of the sum."),
        Column("Volatility", is_number=True, note="Sample standard deviation of the daily returns, made annual."),
        Column("Net profit", is_number=True, note="Over the common days."),
        Column("Sharpe", is_number=True, note=measure("sharpe_ratio")),
        Column("Max drawdown", is_number=True, note="At day ends of the common days; never positive."),
    )
    found = shared.equal_risk
    with plain_table(columns) as table:
        rows: list[tuple[str, float | None, SharedMeasures]] = [
            (letter, None if found is None else float(found.weights[i]), shared.measures[i])
            for i, letter in enumerate(letters)
        ]
        if found is not None:
            rows.append((TOGETHER, 1.0, found.measures))
        for name, weight, one in rows:
            with table.row() as row:
                row.classes("together" if name == TOGETHER else "")
                table.text(name, tone="strong" if name == TOGETHER else "")
                table.text(share(weight))
                table.text(percent(_known(one.volatility_pct), 1))
                table.text(percent(_known(one.net_profit_pct), 2, sign=True))
                table.text(number(_known(one.sharpe_ratio), 2))
                table.text(percent(_known(one.max_drawdown_pct), 2))
    with ui.element("div").classes("panel-body"):
        if found is None:
            why = f"fewer than {MIN_SHARED_DAYS} common days, or one of them does not vary"
            ui.label(f"There is no portfolio: {why}.").classes("warn")
        ui.label(NO_PROOF).classes("muted")


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


# field by field


def _fields(visit: Visit, found: Compared, ids: list[str], show: str) -> None:
    columns = columns_of(found.members)
    with ui.element("div").classes("row"):
        switch = ui.switch("Only what differs", value=show == DIFFERENCES).props("dense")
    tables: list[tuple[Listing, ui.label, tuple[FieldRow, ...]]] = []
    for title, fields in (("Parameters", found.parameters), ("Measures", found.measures)):
        different = sum(field.differs for field in fields)
        with panel(f"{title}: {different} of {len(fields)} differ", classes="flush"):
            listing = Listing(columns, title)
            nothing = ui.label("They differ in nothing here.").classes("panel-body muted")
            tables.append((listing, nothing, fields))

    def draw() -> None:
        for listing, nothing, fields in tables:
            rows = rows_of(fields, found.members, only_differences=bool(switch.value))
            listing.show(rows)
            listing.set_visibility(bool(rows))
            nothing.set_visibility(not rows)

    def turned() -> None:
        draw()
        visit.remember(addresses.COMPARE, ids=ids, show=None if switch.value else "all")

    switch.on_value_change(turned)
    draw()
