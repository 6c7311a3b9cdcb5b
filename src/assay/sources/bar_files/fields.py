"""Which column holds what, told by its name."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import FileFormatError, near_name
from assay.market.bars import PRICES
from assay.market.names import QUOTES, RENAMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.sources.bar_files.options import ReadingOptions

NAMES = {
    "time": (
        *("time", "timestamp", "date", "datetime", "ts", "t", "opentime", "timeopen", "bartime", "start"),
        *("starttime", "unix", "unixtime", "unixtimestamp", "epoch", "timems", "timestampms", "epochms"),
        *("gmttime", "localtime", "esttime", "dateutc", "timeutc", "datetimeutc", "timestamputc", "dategmt"),
        *("opentimeutc", "opentimems", "opentimestamp", "timeperiodstart", "candlebegintime", "startat", "begin"),
        *("startdate", "starttimestamp", "tsevent", "dateandtime", "datetimestamp", "utctime", "periodstart"),
        *("dtyyyymmdd", "snapshottime", "windowstart", "timestampsec", "unixts", "barstart", "baropentime"),
        *("startedat", "bucketstarttime"),
        "indexlevel0",  # what pandas calls an index without a name in Parquet
    ),
    "open": ("open", "o", "openprice", "priceopen", "bidopen", "openbid", "firstrate"),
    "high": ("high", "h", "highprice", "pricehigh", "bidhigh", "highbid", "max", "maxrate"),
    "low": ("low", "l", "lowprice", "pricelow", "bidlow", "lowbid", "min", "minrate"),
    "close": ("close", "c", "closeprice", "priceclose", "last", "bidclose", "closebid", "closelast", "lastrate"),
    "volume": (
        "volume",
        "vol",
        "v",
        "basevolume",
        "volumebase",
        "volumefrom",
        "basevol",
        "volumetraded",
        "basetokenvolume",
    ),
}
"""Names of each field, in small letters and without anything but letters and digits."""

_ABROAD = {
    "time": ("datum", "fecha", "data", "zeit", "дата", "日期", "时间", "交易时间"),
    "open": ("eroffnung", "eroffn", "apertura", "abertura", "ouv", "ouverture", "откр", "открытие", "开盘"),
    "high": ("hoch", "maximo", "maxima", "massimo", "plushaut", "haut", "макс", "максимум", "最高"),
    "low": ("tief", "minimo", "minima", "plusbas", "bas", "мин", "минимум", "最低"),
    "close": (
        *("schluss", "schlusskurs", "zuletzt", "ultimo", "cierre", "dernier", "cloture", "fechamento", "chiusura"),
        *("цена", "закрытие", "收盘"),
    ),
    "volume": ("volumen", "объем", "成交量"),
}
"""Names in German, Spanish, Portuguese, French, Italian, Russian and Chinese, without accents."""

_LOCAL = frozenset(name for names in _ABROAD.values() for name in names)
_FIELD_OF = {name: field for table in (NAMES, _ABROAD) for field, names in table.items() for name in names}

_OPENING = ("opentime", "timeopen", "opentimeutc", "opentimems", "opentimestamp", "timeperiodstart", "barstart")
"""Names that say that the time is that of the open: they win over columns that only say time."""

_SYMBOLS = (
    *("symbol", "pair", "ticker", "coin", "instrument", "market", "asset", "crypto", "currencypair", "productid"),
    *("instid", "security", "tic", "contract", "symbolid", "instrumentname", "marketid", "secid", "assetid", "sym"),
    *("name", "code", "stock", "token", "currency", "base", "basecurrency", "quote", "quotecurrency", "coinid"),
    *("coinname", "coinsymbol", "tickersymbol", "uniquesymbol", "pairname", "marketpair", "instrumentid", "slug"),
    *("cryptocurrency", "cryptoname", "assetname", "tokenname", "commodity", "isin", "figi", "cusip", "id"),
)
_TIMEFRAMES = (
    *("timeframe", "interval", "tf", "resolution", "granularity", "period", "per", "barsize", "barlength", "freq"),
    *("frequency", "candle", "candletype", "bartype", "res", "klineinterval", "timeframemin", "candleinterval"),
)
_EXCHANGES = ("exchange", "venue", "exchangename")

_TICKS = ("tickvol", "tickvolume", "ticks")
_NOT_BASE = re.compile(
    r"quote|turnover|taker|currency|volumeto$|^amount|volccy|notional|value|usdvol|weighted|avg|change|ma\d|tickvol"
)


@dataclass(frozen=True)
class Layout:
    """Where the fields of a bar stand.

    Attributes
    ----------
    columns : dict of str to int
        Position of ``time``, perhaps ``time_of_day``, the prices, and ``volume`` where there is one.
    other_times : tuple of int
        Further columns of times, which must agree with the first.
    ticks : int or None
        A column that counts ticks, read where the volume is 0 in every row.
    selectors : tuple of (str, int)
        Columns that must have one value, and what it says: ``symbol``, ``timeframe``, ``exchange`` or ``kind``.
    names : tuple of str
        What the columns are called, by position.
    notes : tuple of str
        What was decided, in sentences.
    """

    columns: dict[str, int]
    names: tuple[str, ...]
    other_times: tuple[int, ...] = ()
    ticks: int | None = None
    selectors: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()


def plain(name: str) -> str:
    """Return a name in small letters and digits, without a number in front (``1. open``) or a unit behind."""
    text = re.sub(r"^\d+[a-z]?\. ", "", name.strip().lower())
    text = re.sub(r"[\s_]*\((?:ms|s|utc|gmt|usd|usdt|eur|ltp|utc\+0)\)$", "", text)
    text = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in text if letter.isalnum())


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def field_of(name: str) -> str | None:
    """Return the field that a column's name stands for, or None for a column that is not needed."""
    return _FIELD_OF.get(plain(name))


def names_bars(cells: Sequence[str]) -> bool:
    """Whether cells are a header: they name open, high, low and close (in the words of some, the price)."""
    found = {field_of(cell) for cell in cells}
    if {"open", "high", "low", "close"} <= found:
        return True
    if {"high", "low"} <= found and {"openingprice", "tradeprice"} <= {plain(cell) for cell in cells}:
        return True
    return {"open", "high", "low", "time"} <= found and any(plain(cell) == "price" for cell in cells)


_LEVELS = re.compile(r"\('([^']*)', '([^']*)'\)")


def without_levels(names: Sequence[str], where: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the names of columns with two levels, as pandas writes them into one (``('Close', 'BTC-USD')``).

    Parameters
    ----------
    names : sequence of str
        As they are written; others are returned as they are.
    where : str
        What is read, for messages.

    Returns
    -------
    tuple of tuple of str and dict of str to str
        The names of the level of the prices, and what the other level says.

    Raises
    ------
    FileFormatError
        The columns are of several markets.
    """
    pairs = [found.groups() if (found := _LEVELS.fullmatch(name)) else (name, "") for name in names]
    level = next((level for level in (0, 1) if names_bars([pair[level] for pair in pairs])), None)
    if level is None or not any(pair[1] for pair in pairs):
        return tuple(names), {}
    markets = sorted({pair[1 - level] for pair in pairs if field_of(pair[level]) in PRICES})
    if len(markets) > 1:
        raise FileFormatError(where, "must hold one market, but its columns are of several", markets[:8])
    flat = tuple(pair[level] or pair[1 - level] for pair in pairs)
    return flat, {"symbol": markets[0]} if markets[0] else {}


def nameless_columns(names: Sequence[str]) -> list[int]:
    """Return the positions of columns that have no name, or the one that pandas gives an index without a name."""
    return [i for i, name in enumerate(names) if plain(name) in ("", "index", "unnamed0", "level0", "id")]


def find_layout(
    names: Sequence[str],
    where: str,
    options: ReadingOptions,
    symbol: str | None = None,
    *,
    timed: bool = False,
    known: Sequence[tuple[str, str]] = (),
) -> Layout:
    """Return where the fields stand.

    Parameters
    ----------
    names : sequence of str
        Column names as they are written.
    where : str
        What is read, for messages.
    options : ReadingOptions
        Its columns win over the names.
    symbol : str, optional
        The canonical symbol, where it is known: it tells the base volume from that in the quote currency.
    timed : bool
        Whether a column without a name holds times, should no other do so.
    known : sequence of (str, str)
        Field and column of the format, where its names say something else elsewhere.

    Raises
    ------
    FileFormatError
        When a field has no column, or two.
    """
    own = [(name, column) for name, column in known if column in {plain(held) for held in names}]
    chosen = {name: [plain(held) for held in names].index(column) for name, column in own}
    chosen |= {name: _position(column, names, where) for name, column in options.columns}
    found: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        if (said := field_of(name)) is not None and position not in chosen.values():
            found.setdefault(said, []).append(position)
    for name, positions in found.items():  # names of other languages count where no English one stands
        found[name] = [i for i in positions if plain(names[i]) not in _LOCAL] or positions
    if "close" not in found and {"open", "high", "low"} <= set(found):  # Investing.com calls the close its price
        found |= {"close": [i for i, name in enumerate(names) if plain(name) == "price"]}
    volume, ticks, notes = _volume(names, found.pop("volume", []), where, symbol, chosen)
    times, others, time_notes = _times(names, found.pop("time", []), chosen, timed=timed)
    for name, positions in found.items():
        if len(positions) > 1 and name not in chosen:
            both = [names[position] for position in positions]
            rule = f"must have one column for {name}, choose it with --columns {name}=NAME"
            raise FileFormatError(where, rule, both)
    columns = times | {name: positions[0] for name, positions in found.items() if positions} | volume | chosen
    missing = [name for name in ("time", *PRICES) if name not in columns]
    if missing:
        rule = f"must have columns for time, open, high, low and close; missing: {', '.join(missing)}"
        hint = f"Say which with --columns {missing[0]}=NAME"
        raise FileFormatError(where, rule, [name or "(no name)" for name in names], hint)
    order = ("time", "time_of_day", *PRICES, "volume")
    return Layout(
        {name: columns[name] for name in order if name in columns},
        tuple(names),
        others,
        ticks,
        _selectors(names, set(columns.values())),
        (*notes, *time_notes),
    )


def _position(column: str, names: Sequence[str], where: str) -> int:
    """Return the position of a column that the user named, or numbered from 1."""
    plain_names = [name.strip().lower() for name in names]
    for known, wanted in ((list(names), column), (plain_names, column.strip().lower())):
        if wanted in known:
            return known.index(wanted)
    if column.isdigit() and 1 <= int(column) <= len(names):
        return int(column) - 1
    raise FileFormatError(where, "has no such column (--columns)", column, near_name(column, [n for n in names if n]))


def _times(
    names: Sequence[str], found: list[int], chosen: dict[str, int], *, timed: bool
) -> tuple[dict[str, int], tuple[int, ...], list[str]]:
    """Return the column of the time, that of the time of day, and further ones that must agree."""
    if "time" in chosen:
        return {}, (), []
    by_name = {plain(names[position]): position for position in found}
    days = [name for name in ("date", "dtyyyymmdd") if name in by_name]
    clocks = [name for name in ("time", "timeutc") if name in by_name]
    if len(found) == 2 and days and clocks:
        return {"time": by_name[days[0]], "time_of_day": by_name[clocks[0]]}, (), []
    opening = [position for position in found if plain(names[position]) in _OPENING or names[position] == "t"]
    if opening and len(opening) < len(found):
        others = [names[position] for position in found if position not in opening]
        found = opening
        note = f"the column {', '.join(others)} is not read: another names the open"
        return {"time": found[0]}, tuple(found[1:]), [note]
    if found:
        return {"time": found[0]}, tuple(found[1:]), []
    nameless = nameless_columns(names)
    return ({"time": nameless[0]}, (), []) if timed and nameless else ({}, (), [])


def _volume(
    names: Sequence[str], found: list[int], where: str, symbol: str | None, chosen: dict[str, int]
) -> tuple[dict[str, int], int | None, list[str]]:
    """Return the column of the volume in units of the base, a count of ticks, and what was decided."""
    if "volume" in chosen:
        return {}, None, []
    ticks = next((i for i, name in enumerate(names) if plain(name) in _TICKS), None)
    if len(found) > 1:
        raise FileFormatError(
            where,
            "must have one column for volume, choose it with --columns volume=NAME",
            [names[i] for i in found],
        )
    likely = [i for i, name in enumerate(names) if "vol" in plain(name) or plain(name) in ("amount", "qty")]
    if found:
        rest = [names[i] for i in likely if i not in found and i != ticks]
        return {"volume": found[0]}, ticks, [f"volume is {names[found[0]]!r}, not {', '.join(rest)}"] if rest else []
    base = [i for i in likely if i != ticks and not _NOT_BASE.search(plain(names[i]))]
    base = _of_base(names, base, symbol)
    if len(base) == 1:
        rest = [names[i] for i in likely if i not in base and i != ticks]
        return {"volume": base[0]}, ticks, [f"volume is {names[base[0]]!r}, not {', '.join(rest)}"] if rest else []
    if ticks is not None and likely in ([ticks], []):
        return {"volume": ticks}, None, [f"volume is {names[ticks]!r}, a count of ticks"]
    if likely:
        # Dropping a volume in silence would change which bars may trade.
        rule = "must say which column is the volume in units of the base: --columns volume=NAME"
        raise FileFormatError(where, rule, [names[i] for i in likely])
    return {}, None, []


def _of_base(names: Sequence[str], candidates: list[int], symbol: str | None) -> list[int]:
    """Return the candidates whose name ends in the base currency, where names say currencies at all."""
    base, _, quote = (symbol or "").partition("/")
    currencies = {i: _currency(names[i]) for i in candidates}
    said = {i: currency for i, currency in currencies.items() if currency}
    if not said:
        return candidates
    if base and base in said.values():
        return [i for i, currency in said.items() if currency == base]
    money = {"USD", "USDT", "USDC", "EUR", "GBP", "BUSD", "TUSD", "KRW", "JPY", quote.partition(":")[0]}
    coins = [i for i, currency in said.items() if currency not in money]
    return coins if len(coins) == 1 or coins else [i for i in candidates if i not in said]


def _currency(name: str) -> str:
    """Return the currency that a volume's name ends or begins with: ``Volume BTC``, ``Volume_(BTC)``."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", name) if word and not word.lower().startswith("vol")]
    if len(words) != 1 or len(words[0]) < 2:
        return ""
    word = words[0].upper()
    return RENAMED.get(word, word) if word in QUOTES or word.isalnum() else ""


def _selectors(names: Sequence[str], taken: set[int]) -> tuple[tuple[str, int], ...]:
    groups = (("symbol", _SYMBOLS), ("timeframe", _TIMEFRAMES), ("exchange", _EXCHANGES))
    return tuple(
        (what, position)
        for what, known in groups
        for wanted in known
        for position, name in enumerate(names)
        if plain(name) == wanted and position not in taken
    )
