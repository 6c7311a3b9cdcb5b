"""What a form for trainings offers: strategies, markets and methods, those that ship and those that are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.engine import OBJECTIVES
from assay.market import Timeframe
from assay.market.quality import REQUIRED_VALID_PCT
from assay.search import SAMPLERS
from assay.service.markets import valid_share
from assay.service.strategy_names import listed
from assay.service.training_plan import METHODS as PLAN_METHODS
from assay.store import Imports
from assay.store.market_pages import market_names, market_page
from assay.strategies import STRATEGIES
from assay.training import PERMUTATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from assay.store import BarStore

TIER_1 = tuple(f"{base}/USDT" for base in ("BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "AVAX", "DOT"))
"""Pairs with the longest histories and the deepest books, in the order of the users' form."""

EXCHANGES = ("binance", "kraken", "coinbase", "bybit")
TIMEFRAMES = ("1m", "5m", "15m", "1h", "4h", "1d")

MOST_ASKED = 5
"""Stored markets that are looked at for one to begin with."""

METHODS: Mapping[str, str] = {
    "grid": "Grid Search",
    "random": "Random Search",
    "bayesian": "Bayesian",
    "tpe": "TPE (Optuna)",
    "cmaes": "CMA-ES",
}
"""Of a search, by the names of a plan."""

SAMPLES: Mapping[str, int] = {
    name: SAMPLERS[PLAN_METHODS[name]].budget or 0 for name in METHODS if SAMPLERS[PLAN_METHODS[name]].budget
}
"""Points of a search that is no grid, where no number is given."""

ABOUT_METHODS: Mapping[str, str] = {name: SAMPLERS[PLAN_METHODS[name]].about for name in METHODS}

VALIDATIONS: Mapping[str, str] = {
    "walk_forward": "Walk-Forward",
    "rolling": "Walk-Forward, rolling",
    "train_test_split": "Train/Test Split",
}

SIDES: Mapping[str, str] = {"both": "Long and short", "long": "Long only", "short": "Short only"}
SIZINGS: Mapping[str, str] = {"risk": "Equal risk of each trade", "notional": "Equal size of each trade"}


@dataclass(frozen=True)
class TrainingChoices:
    """What a form offers.

    Attributes
    ----------
    strategies : list of dict
        As `assay.service.strategy_names.listed` has them.
    pairs, exchanges, timeframes : tuple of str
        Those of the users' form, then those of stored markets.
    stored : frozenset of (str, str, str)
        Exchange, symbol and timeframe of the stored markets.
    first : (str, str, str) or None
        Of those, the one with which a form begins: good enough to be trained on, as far as is known.
    """

    strategies: list[dict[str, Any]]
    pairs: tuple[str, ...]
    exchanges: tuple[str, ...]
    timeframes: tuple[str, ...]
    stored: frozenset[tuple[str, str, str]]
    first: tuple[str, str, str] | None


def training_choices(store: BarStore, folder: Path | None) -> TrainingChoices:
    """Return what a form offers; `folder` is the operator's, with strategies of users."""
    markets = market_names(store)
    frames = _joined(TIMEFRAMES, (frame for _, _, frame in markets))
    return TrainingChoices(
        strategies=listed(folder),
        pairs=_joined(TIER_1, (symbol for _, symbol, _ in markets)),
        exchanges=_joined(EXCHANGES, (exchange for exchange, _, _ in markets)),
        timeframes=tuple(sorted(frames, key=lambda frame: Timeframe.parse(frame).ms)),
        stored=frozenset(markets),
        first=_first(store, markets),
    )


def _first(store: BarStore, markets: list[tuple[str, str, str]]) -> tuple[str, str, str] | None:
    """Return the market of the best known pair whose bars are good enough."""
    rank = {pair: place for place, pair in enumerate(TIER_1)}
    ordered = sorted(markets, key=lambda one: (rank.get(one[1], len(rank)), one))
    imports = Imports(store)
    for names in ordered[:MOST_ASKED]:
        for stored in market_page(store, names, limit=1):
            valid = valid_share(imports, stored)
            if valid is not None and valid >= REQUIRED_VALID_PCT:
                return names
    return next(iter(ordered), None)


def _joined(first: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*first, *more]))


def first_terms(choices: TrainingChoices) -> dict[str, Any]:
    """Return the terms with which a form begins: a market that is stored, if there is any."""
    exchange, pair, frame = choices.first or (EXCHANGES[0], TIER_1[0], "5m")
    return {
        "strategies": [next(iter(STRATEGIES))],
        "pairs": [pair],
        "exchanges": [exchange],
        "timeframes": [frame],
        "historical_period_months": 12,
    }


def objectives() -> dict[str, str]:
    """Return what a search may maximise, in words by name."""
    return {name: one.help for name, one in OBJECTIVES.items()}


def evidence_levels() -> dict[str, str]:
    """Return the levels of evidence, in words by name."""
    return {name: f"{name.capitalize()} ({repeats} permutations)" for name, repeats in PERMUTATIONS.items()}
