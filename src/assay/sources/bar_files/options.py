"""What a user says of a file where its content and its name do not say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from assay.errors import InputError, near_name
from assay.market import Timeframe

if TYPE_CHECKING:
    from collections.abc import Sequence

FIELDS = ("time", "time_of_day", "open", "high", "low", "close", "volume")
"""What a bar is read from; ``time_of_day`` where date and time stand in two columns."""

DATE_ORDERS = ("dmy", "mdy", "ymd")

_ABBREVIATIONS = {"EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7} | {
    "UTC": 0,
    "GMT": 0,
    "Z": 0,
    "WET": 0,
    "CET": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "JST": 9,
    "KST": 9,
    "HKT": 8,
}
"""Hours east of Greenwich. Those with several meanings (CST, IST, BST) are not here."""


def fixed_offset(text: str) -> int | None:
    """Return the minutes east of Greenwich that a text such as ``Z``, ``UTC``, ``GMT+0100`` or ``-05:30`` says."""
    plain = text.strip().upper()
    if plain in _ABBREVIATIONS:
        return 60 * _ABBREVIATIONS[plain]
    found = re.fullmatch(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d\d)?", plain)
    if found is None or int(found[2]) > 14 or int(found[3] or 0) > 59:
        return None
    minutes = 60 * int(found[2]) + int(found[3] or 0)
    return -minutes if found[1] == "-" else minutes


def parse_timezone(text: str) -> tzinfo:
    """Return a time zone: a name such as Europe/Berlin, UTC or an offset such as +02:00.

    Raises
    ------
    InputError
        When there is no such zone.
    """
    minutes = fixed_offset(text)
    if minutes is not None:
        return UTC if not minutes else timezone(timedelta(minutes=minutes), text)
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        rule = "must be a time zone such as UTC, Europe/Berlin, America/New_York or +02:00"
        raise InputError("--timezone", rule, text) from None


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """What overrules the recognition of a file.

    Attributes
    ----------
    columns : tuple of (str, str)
        Field and the column it stands in, by name or by number from 1.
    timezone : str or None
        Zone of times that name none; UTC by default.
    dates : str or None
        Order of day and month: ``dmy``, ``mdy`` or ``ymd``.
    where : tuple of (str, str)
        Column and the value that its rows must have.
    bar_end : bool
        The times are those at which bars end, not those at which they open.
    timeframe : Timeframe or None
        Overrules the name and the most common step of the stamps.
    """

    columns: tuple[tuple[str, str], ...] = ()
    timezone: str | None = None
    dates: str | None = None
    where: tuple[tuple[str, str], ...] = ()
    bar_end: bool = False
    timeframe: Timeframe | None = None

    def __post_init__(self) -> None:
        if self.dates not in (None, *DATE_ORDERS):
            raise InputError("--dates", f"must be {', '.join(DATE_ORDERS[:-1])} or {DATE_ORDERS[-1]}", self.dates)
        if self.timezone is not None:
            parse_timezone(self.timezone)
        for field, _ in self.columns:
            if field not in FIELDS:
                raise InputError("--columns", f"must name {', '.join(FIELDS)}", field, near_name(field, FIELDS))

    @classmethod
    def parse(
        cls,
        *,
        columns: str | Mapping[str, str] | None = None,
        timezone: str | None = None,
        dates: str | None = None,
        where: Sequence[str] | Mapping[str, str] | None = None,
        bar_end: bool = False,
        timeframe: Timeframe | str | None = None,
    ) -> ReadingOptions:
        """Return options from the texts of a command line, or from mappings.

        Parameters
        ----------
        columns : str or mapping, optional
            ``time=Date,open=Open Price,volume=7``.
        timezone : str, optional
            Such as ``Europe/Berlin``.
        dates : str, optional
            ``dmy``, ``mdy`` or ``ymd``.
        where : sequence of str or mapping, optional
            ``symbol=BTCUSDT``, each a text of its own.
        bar_end : bool
            Times are those at which bars end.
        timeframe : Timeframe or str, optional
            Such as ``1h``.
        """
        texts = columns.split(",") if isinstance(columns, str) else columns or ()
        return cls(
            columns=tuple((field.strip().lower(), column) for field, column in _pairs("--columns", texts)),
            timezone=timezone,
            dates=dates.strip().lower() if dates else dates,
            where=tuple(_pairs("--where", where or ())),
            bar_end=bar_end,
            timeframe=Timeframe.parse(timeframe) if isinstance(timeframe, str) else timeframe,
        )


def _pairs(option: str, given: Sequence[str] | Mapping[str, str]) -> list[tuple[str, str]]:
    """Return names and values of a mapping, or of texts ``name=value``."""
    if isinstance(given, Mapping):
        return [(str(name), str(value)) for name, value in given.items()]
    pairs = []
    for text in given:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise InputError(option, "must look like name=value", text)
        pairs.append((name, value))
    return pairs
