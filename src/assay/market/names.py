"""What markets are called: one canonical symbol from every spelling, and what kind of contract a symbol names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from assay.errors import InputError
from assay.market.market import UNIT_WORDS, Market, Timeframe, refuse_month

if TYPE_CHECKING:
    from assay.market.market import Kind

QUOTES = (
    *("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USDP", "USDD", "USDE", "PYUSD", "RLUSD", "GUSD", "HUSD", "USD1", "DAI"),
    *("USD", "EUR", "GBP", "JPY", "AUD", "CAD", "CHF", "KRW", "BRL", "TRY", "RUB", "INR", "MXN", "ZAR", "UAH", "PLN"),
    *("IDR", "IDRT", "BIDR", "NGN", "RON", "ARS", "COP", "CZK", "SGD", "HKD", "EURI", "EURC", "EURT"),
    *("BTC", "ETH", "BNB", "SOL", "TRX", "XRP", "DOGE", "DOT"),
)
"""Currencies that prices are quoted in."""

_COINS = ("BTC", "ETH", "BNB", "SOL", "TRX", "XRP", "DOGE", "DOT")
"""Those of them that are coins themselves."""

_BASES = frozenset(
    re.findall(
        r"\S+",
        """
        BTC ETH BNB SOL XRP ADA DOGE DOT TRX AVAX SHIB LTC LINK MATIC POL UNI ATOM XLM ETC BCH BSV XMR NEAR APT
        ARB OP FIL VET HBAR ICP ALGO AAVE EGLD SAND MANA AXS THETA FTM S XTZ EOS FLOW GRT MKR SNX CRV COMP YFI
        SUSHI BAT ZEC DASH ENJ CHZ NEO IOTA KAVA KSM ZIL QTUM WAVES ONT ICX ZRX OMG LRC ANT BAL BAND REN RUNE CAKE
        INJ SUI SEI TIA STX IMX LDO RNDR RENDER FET AGIX OCEAN WLD PEPE FLOKI BONK WIF JUP PYTH JTO ORDI ENA ONDO
        TON KAS TAO MNT DYDX GMX GMT APE GALA ROSE CELO ONE HOT HNT AR ANKR IOST IOTX RVN SC DGB XEM XDC LSK STORJ
        SKL CVC CKB CTSI COTI BLUR MAGIC MASK ENS PAXG USDT USDC BUSD TUSD DAI FDUSD WBTC STETH WETH UST USTC LUNA
        LUNC FTT SRM RAY OKB LEO CRO HT KCS GT NEXO QNT EUR GBP AUD PYUSD USDP USDD USDE GUSD AMP OXT NMR REP
        MLN GNO LPT API3 POWR REQ RLC SXP OGN OM JASMY HIGH ID ACH AGLD ALICE AUDIO BICO BTT BTTC C98 CELR CFX CHR
        DAR DENT DUSK EDU FXS GAL GLMR GNS HFT HOOK ILV JOE JST KEY KLAY KNC LEVER LINA LIT LQTY MINA MOVR MTL NKN
        NTRN NFT OGV ORBS PENDLE PEOPLE PERP PHA PROM PUNDIX QI RAD RDNT REEF RIF RPL RSR SFP SLP SNT SPELL SSV
        STG STMX STPT STRAX SUN SUPER SYN SYS TFUEL TLM TRB TRU TWT UMA UNFI VIDT VTHO WAXP WIN WOO XEC XNO XVG
        XVS YGG ZEN 1INCH HYPE TRUMP VIRTUAL AI16Z PNUT TURBO NOT DOGS CATI HMSTR EIGEN ZRO ZK STRK W ETHFI ALT
        MANTA DYM PIXEL PORTAL AEVO SAGA BB IO LISTA BANANA G SCR MOVE ME VANA PENGU FARTCOIN KAITO IP BERA ETHW
        NANO XAUT FTN
        """,
    )
)
"""Well-known coins: they tell BNB/USD from BN/BUSD where a symbol has no separator."""

RENAMED = {"XBT": "BTC", "XDG": "DOGE"}
"""What some exchanges call a coin that has another name everywhere else."""

_KRAKEN = re.compile(r"X(XBT|ETH|LTC|XRP|XLM|XMR|ETC|REP|MLN|XDG|ZEC)(?:Z(USD|EUR|GBP|CAD|JPY|AUD)|X(XBT|ETH))")
"""Kraken's oldest ids put an X before coins and a Z before money."""

_PERPETUAL = frozenset({"PERP", "PERPETUAL", "SWAP", "UMCBL", "DMCBL", "CMCBL"})
CONTRACT_WORDS = frozenset(
    {"perp", "perps", "perpetual", "perpetuals", "swap", "swaps", "future", "futures", "linear", "inverse", "delivery"}
    | {"um", "cm", "usdm", "coinm", "usdtm", "umperp", "usdtfutures", "coinfutures", "usdcfutures", "contract"}
)
"""Words of files and columns that say that a symbol beside them names a contract, in small letters."""

_NOT_OF_SYMBOLS = CONTRACT_WORDS | frozenset(
    {"candles", "candlesticks", "klines", "kline", "ohlcv", "ohlc", "data", "history", "historical", "spot"}
)
"""Words of a file's name that belong neither to its exchange nor to its symbol."""
_EXPIRY = re.compile(
    r"\d{6}(?:\d\d)?|\d{1,2}(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\d\d|[FGHJKMNQUVXZ]\d\d"
)
_DATED = re.compile(rf"(?:[:/_-].*)?-(?:{_EXPIRY.pattern})(?:-.*)?$")


_OWN_SPELLINGS = (
    (re.compile(r"t([A-Z0-9]{6,}|[A-Z0-9]+:[A-Z0-9]+)"), r"\1"),  # Bitfinex
    (re.compile(r"([A-Z0-9]+)F0:([A-Z0-9]+)F0"), r"\1_\2_PERP"),  # its contracts
    (re.compile(r"P[FV]_([A-Z0-9]+)USD"), r"\1/USD:USD"),  # Kraken's contracts
    (re.compile(r"PI_([A-Z0-9]+)"), r"\1_PERP"),
    (re.compile(r"F[FI]_([A-Z0-9]+_\d{6})"), r"\1"),
    (re.compile(r"([A-Z0-9]{2,}(?:USDT|USDC|USD))([FGHJKMNQUVXZ]\d\d)"), r"\1-\2"),  # BitMEX's and Bybit's futures
    (re.compile(r"([A-Z0-9]{2,}(?:USDT|USDC|USD))M"), r"\1_PERP"),  # KuCoin's contracts
    (re.compile(r"(.*PERP)\.[A-Z0-9]"), r"\1"),  # Coinalyze
    (re.compile(r"([A-Z0-9]+)_SPBL"), r"\1"),  # Bitget's spot
)
"""Spellings of single exchanges, each put into one that many use."""


def _usual(symbol: str) -> str:
    for pattern, spelling in _OWN_SPELLINGS:
        if pattern.fullmatch(symbol):
            symbol = pattern.sub(spelling, symbol)
    return symbol


def canonical_symbol(text: str) -> str:
    """Return one spelling of a symbol.

    Spot is ``BASE/QUOTE`` (BTCUSDT, BTC-USDT, btc_usdt, XXBTZUSD), a perpetual contract ``BASE/QUOTE:SETTLEMENT``
    (BTC/USDT:USDT, BTC-USDT-SWAP, BTCUSDT.P, BTC_USDT_USDT) or, where its quote is not said, ``BASE-PERP``. A contract
    is never called by the name of the spot market. Other text is returned in capitals.

    Raises
    ------
    InputError
        When two readings are as likely: ARBUSD is AR/BUSD or ARB/USD.
    """
    symbol = _usual(_usual(text.strip()).upper())
    if "/" not in symbol:
        symbol = symbol.rpartition(":")[2]  # TradingView's BINANCE:BTCUSDT
    perpetual = symbol.endswith(".P") or bool(re.fullmatch(r"[A-Z0-9]{2,}PERP", symbol))
    symbol = symbol.removesuffix(".P")
    if perpetual:
        symbol = symbol.removesuffix("PERP")
    pair, _, settlement = symbol.partition(":")
    words = [word for word in re.split(r"[/_-]", pair) if word]
    expiry = ""
    if len(words) > 1 and _EXPIRY.fullmatch(words[-1]):
        expiry = words.pop()
    if len(words) > 1 and words[-1] in _PERPETUAL:
        perpetual = True
        # the only exchange that writes PERPETUAL without a quote settles it in the coin
        words = [*words[:-1], "USD"] if words[-1] == "PERPETUAL" and len(words) == 2 else words[:-1]
    settlement, _, dated = settlement.partition("-")
    return _joined(_parts(words), settlement, expiry or dated, perpetual=perpetual, given=symbol)


def is_pair(text: str) -> bool:
    """Whether a text names a pair of currencies or a contract in any spelling that is known."""
    try:
        symbol = canonical_symbol(text)
    except InputError:
        return True
    quote = symbol.partition("/")[2].partition(":")[0]
    return quote in QUOTES or symbol.endswith("-PERP")


def is_coin(text: str) -> bool:
    """Whether a text is the symbol of a well-known coin."""
    return text.strip().upper() in _BASES


def as_contract(symbol: str) -> str:
    """Return the perpetual contract of a canonical symbol that names a spot market; a contract as it is."""
    return canonical_symbol(f"{symbol}.P") if kind_of("", symbol) == "spot" else symbol


def _parts(words: list[str]) -> list[str]:
    """Return base and quote, and the settlement where a third word says it, under their common names."""
    if len(words) == 1:
        words = _split(words[0])
    return [RENAMED.get(word, word) for word in words]


def _joined(parts: list[str], settlement: str, expiry: str, *, perpetual: bool, given: str) -> str:
    if len(parts) == 3 and parts[2] in parts[:2]:  # freqtrade's BTC_USDT_USDT
        settlement, parts, perpetual = parts[2], parts[:2], not expiry
    if len(parts) == 1:
        return f"{parts[0]}-PERP" if perpetual else f"{parts[0]}-{expiry}" if expiry else parts[0]
    if len(parts) != 2:
        return given
    base, quote = parts
    if perpetual or expiry or settlement:
        # contracts quoted in US dollars are settled in the coin, those in a coin like USDT in that
        settled = RENAMED.get(settlement, settlement) or (base if quote == "USD" else quote)
        return f"{base}/{quote}:{settled}" + (f"-{expiry}" if expiry else "")
    return f"{base}/{quote}"


def _split(symbol: str) -> list[str]:
    """Return base and quote of a symbol without a separator; the symbol itself where none is known."""
    if found := _KRAKEN.fullmatch(symbol):
        return [found[1], found[2] or found[3]]
    quotes = [*QUOTES, *RENAMED]
    splits = [[symbol[: -len(q)], q] for q in quotes if symbol.endswith(q) and len(symbol) > len(q) + 1]
    known = [split for split in splits if RENAMED.get(split[0], split[0]) in _BASES]
    if len(known) > 1:
        meant = " or ".join("/".join(split) for split in known)
        raise InputError("symbol", f"may mean {meant}; write it with a slash", symbol)
    return max(known or splits, key=lambda split: len(split[1]), default=[symbol])


def kind_of(exchange: str, symbol: str = "") -> Kind:
    """Return what a market trades, as far as the names of its exchange and its canonical symbol say."""
    if exchange.strip().lower() == "cme" or _DATED.search(symbol):
        return "future"
    return "perpetual" if ":" in symbol or symbol.endswith("-PERP") else "spot"


_BITMEX_INVERSE = {"BTC/USD": "BTC/USD:BTC"}
"""The one contract that is called like a spot market."""


CONTRACT_EXCHANGES = frozenset({"binanceusdm", "binancecoinm", "krakenfutures", "kucoinfutures", "huobifutures"})
"""Names (ccxt's) of exchanges that have no spot markets."""


def named_market(exchange: str, symbol: str, timeframe: Timeframe) -> Market:
    """Return the market that an exchange, a symbol in any spelling and a timeframe name."""
    venue, pair = exchange.strip().lower(), canonical_symbol(symbol)
    if venue == "bitmex":
        pair = _BITMEX_INVERSE.get(pair, pair)
    if venue in CONTRACT_EXCHANGES and "/" in pair:
        pair = as_contract(pair)
    return Market(venue, pair, timeframe, kind_of(venue, pair))


_MINUTES = frozenset({"1", "3", "5", "15", "30", "60", "120", "240", "720", "1440"})
_WORDS = {"minute": "1m", "min": "1m", "hour": "1h", "hourly": "1h", "daily": "1d", "day": "1d", "d": "1d"} | {
    "weekly": "1w",
    "week": "1w",
}
_MONTH = re.compile(r"\d*(M|MN|[Mm]o|[Mm]on|[Mm]onth|[Mm]onths|[Mm]onthly|MONTH|MONTHLY|MN1)")


def timeframe_of_word(word: str) -> Timeframe | None:
    """Return the timeframe that a word of a file's name or a column says: 1h, 60min, H1, daily, 1D; None for another.

    Raises
    ------
    InputError
        For a month (``1M``, ``MN1``), whose bars have no fixed length.
    """
    text = word.strip()
    if re.fullmatch(r"M\d+", text):  # MetaTrader's M5
        return _minutes_or_none(int(text[1:]))
    if _MONTH.fullmatch(text) and text not in ("M", "m"):
        refuse_month("1M")
    plain = text.lower()
    if plain in _WORDS:
        return Timeframe.parse(_WORDS[plain])
    if found := re.fullmatch(r"([hdw])(\d+)", plain):  # MetaTrader's H4, D1, W1
        plain = found[2] + found[1]
    found = re.fullmatch(r"(\d+)[ -]?([a-z]+)", plain)
    if found is None or found[2] not in UNIT_WORDS or not int(found[1]):
        return None
    try:
        return Timeframe.parse(found[1] + UNIT_WORDS[found[2]])
    except InputError:
        return None


def minutes_of_word(word: str) -> Timeframe | None:
    """Return the timeframe that a bare number of minutes says (Kraken's 60, MetaTrader's 240); None for another."""
    return _minutes_or_none(int(word)) if word in _MINUTES else None


def _minutes_or_none(minutes: int) -> Timeframe | None:
    try:
        return Timeframe(minutes * 60_000)
    except InputError:
        return None


_YYMMDD = re.compile(r"\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
"""The day on which a contract ends: BTCUSDT_240329."""

_AFTER = re.compile(r"\d{4}|\d{2}|\d{6}|\d{8}|bid|ask|futures|swap|spot|perp|linear|data|ohlcv|full|all", re.IGNORECASE)
"""Words that may follow the timeframe in a file's name."""


def market_from_name(name: str) -> Market | None:
    """Infer a market from a file's stem; None when it says too little.

    ``BINANCE_BTCUSDT_5m``, ``binance-btc-usdt-5m``, ``BTC-USDT-5m``, ``BTCUSDT_5m``, ``BTCUSDT-1h-2024-11`` and
    ``BTC_USDT_USDT-1h-futures`` are read; without an exchange it is "file".

    Raises
    ------
    InputError
        The name says that the bars are months, or its symbol may be read in two ways.
    """
    words = re.split(r"[_-]|(?<=[a-z]) (?=[A-Z])", name.strip())
    end = len(words) - 1
    while end > 0 and _AFTER.fullmatch(words[end]):
        end -= 1
    timeframe = timeframe_of_word(words[end]) if end > 0 else None
    before = words[:end]
    if timeframe is None or not all(before):
        return None
    expiry = ""
    if len(before) > 1 and re.fullmatch(r"\d{4}|\d{6}|\d{8}", before[-1]):  # Bitstamp_BTCUSD_2023_minute
        expiry = before.pop() if _YYMMDD.fullmatch(before[-1]) else before.pop() and ""
    # candles_binance_perpetual_BTC-USDT_1h
    around = [word.lower() for word in (*before, *words[end:])]
    last = [word for word in before[-1:] if word.upper() in _PERPETUAL]
    before = [word for word in before if word.lower() not in _NOT_OF_SYMBOLS and word not in last] + last
    if before == last:
        return None
    if any(word in CONTRACT_WORDS for word in around) and not expiry and not _EXPIRY.fullmatch(before[-1].upper()):
        before = _settled(before)
    exchange, symbol = _exchange_and_symbol(before)
    if expiry:
        symbol = canonical_symbol(f"{symbol}-{expiry}")
    if not exchange and kind_of("", symbol) == "spot" and "/" not in symbol:
        return None
    return named_market(exchange or "file", symbol, timeframe)


def _settled(words: list[str]) -> list[str]:
    """Return the words of a contract's name with their settlement: BTC_USDT of a file of futures is BTC_USDT_USDT."""
    upper = [word.upper() for word in words]
    if upper[-1] in _PERPETUAL:
        return words
    if len(words) > 1 and upper[-1] in QUOTES and upper[-1] not in upper[-3:-1]:
        return [*words, "PERP"]
    return [*words[:-1], f"{words[-1]}.P"] if words[-1].upper() not in QUOTES else words


def _exchange_and_symbol(words: list[str]) -> tuple[str, str]:
    """Return the exchange ("" where none is named) and the canonical symbol that a name's words say."""
    upper = [word.upper() for word in words]
    length = 1
    if upper[-1] in _PERPETUAL and len(words) > 1:
        length = 3 if len(words) > 2 and upper[-2] in QUOTES and upper[-2] not in _COINS else 2
    elif len(words) > 1 and upper[-1] in (*QUOTES, *RENAMED):
        length = 3 if len(words) > 2 and upper[-2] in QUOTES and upper[-1] in upper[-3:-1] else 2
    symbol = canonical_symbol("_".join(words[-length:]))
    if len(words) > length + 1 and kind_of("", symbol) == "spot" and "/" not in symbol:
        length = len(words) - 1
        symbol = canonical_symbol("_".join(words[-length:]))
    return "_".join(words[:-length]), symbol
