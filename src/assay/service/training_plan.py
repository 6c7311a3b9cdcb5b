"""`TrainingPlan`: which strategies are trained on which markets, and how, as people and programs write it down.

The plan's ``TrainingConfig`` is read in camelCase and in snake_case, with the other terms of a `TrainingRequest` beside
its own names:

>>> plan = TrainingPlan.from_dict({
...     "strategy": "LIQUIDITY_SWEEP", "pairs": ["BTC/USDT"], "exchanges": ["binance"], "timeframes": ["5m"],
...     "optimizationMethod": "random", "optimizationParams": {"nSamples": 200}, "maxRuntime": 3600,
... })
>>> plan.requests[0].search.samples
200
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from assay.errors import InputError, near_name, wrong_choice
from assay.market import Timeframe, named_market
from assay.service.request import TrainingRequest
from assay.service.runtimes import runtime_ms
from assay.store.registry import check_timeframe

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.market import Market

METHODS = {
    "auto": "auto",
    "grid": "grid",
    "random": "random",
    "bayesian": "gp",
    "gp": "gp",
    "tpe": "tpe",
    "cmaes": "cmaes",
}
VALIDATIONS = {
    "walk_forward": "anchored",
    "train_test_split": "split",
    "anchored": "anchored",
    "rolling": "rolling",
    "split": "split",
}
MAX_MARKETS = 1_000
"""Markets times strategies of one job."""
MAX_WORKERS = 1_024
MAX_PRIORITY = 1_000_000
MAX_MONTHS = 1_200

_LISTS = ("strategies", "pairs", "exchanges", "timeframes")
_BY_METHOD = {
    "n_samples": ("random",),
    "n_iterations": ("bayesian", "gp", "tpe", "cmaes"),
    "parameter_grid": tuple(METHODS),
}
_WALK = ("walk_forward", "anchored", "rolling")
_BY_VALIDATION = {
    "train_period_days": _WALK,
    "test_period_days": _WALK,
    "gap_period_days": tuple(VALIDATIONS),
    "train_ratio": ("train_test_split", "split"),
}
_AS_TERMS = {
    "n_samples": "samples",
    "n_iterations": "samples",
    "parameter_grid": "space",
    "train_period_days": "train_days",
    "test_period_days": "test_days",
    "gap_period_days": "gap_days",
    "train_ratio": "train_ratio",
}
_PLAN = (
    "strategy", *_LISTS, "optimization_method", "optimization_params", "validation_method", "validation_params",
    "historical_period_months", "max_runtime", "parallel_workers", "priority", "fetch",
)  # fmt: skip
_TERMS = (
    "objective", "seed", "evidence", "permutations", "fixed", "side", "fee", "slippage", "sizing", "min_stop_costs",
    "days", "start", "stop", "allow_bad_data",
)  # fmt: skip
"""Terms of a request that stand beside the plan's own names."""


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """Which strategies are trained on which markets, and how.

    Attributes
    ----------
    markets : tuple of Market
        Every combination of the pairs, exchanges and timeframes.
    requests : tuple of TrainingRequest
        One per strategy.
    months : float or None
        Of the newest bars so many months may signal, of a market that has fewer all of them.
    max_runtime_s : float or None
        From the first task on; what is left then can go on under a new limit.
    workers : int
        How many an estimate counts with; how many there are is the operator's business.
    priority : int
        Tasks of a job with a higher one are taken first.
    fetch : bool
        Whether missing bars are fetched from their exchange before.
    given : mapping
        What it was read from, in snake_case.
    """

    markets: tuple[Market, ...]
    requests: tuple[TrainingRequest, ...]
    months: float | None = None
    max_runtime_s: float | None = None
    workers: int = 1
    priority: int = 0
    fetch: bool = True
    given: Mapping[str, Any]

    @property
    def most_days(self) -> float | None:
        """The longest span that may signal."""
        return None if self.months is None else round(self.months * 365 / 12)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any], resolve: Callable[[str], str] = lambda name: name) -> TrainingPlan:
        """Return the plan that plain values describe.

        Parameters
        ----------
        resolve : callable
            From the name of a strategy to the registered name or ``path.py:Class``.

        Raises
        ------
        InputError
            For a name that is unknown (with the near one), a value of another kind or outside its rule; by the name
            under which it was given.
        """
        try:
            return cls._read(given, resolve)
        except InputError as error:
            field = _written(error.field, given) if isinstance(given, Mapping) else error.field
            if field == error.field or type(error).__init__ is not InputError.__init__:
                raise
            raise type(error)(field, error.rule, error.value, error.hint) from None

    @classmethod
    def _read(cls, given: Mapping[str, Any], resolve: Callable[[str], str]) -> TrainingPlan:
        terms = in_snake_case(given)
        names = _strategies(terms)
        lists = {name: _names(terms, name) for name in ("pairs", "exchanges", "timeframes")}
        method = _choice(terms, "optimization_method", "auto", METHODS)
        validation = _choice(terms, "validation_method", "walk_forward", VALIDATIONS)
        search = _params(terms, "optimization_params", method, _BY_METHOD, "optimization_method")
        proof = _params(terms, "validation_params", validation, _BY_VALIDATION, "validation_method")
        if (made := prod(map(len, lists.values())) * len(names)) > MAX_MARKETS:  # counted, before any is made
            rule = f"times exchanges, timeframes and strategies must be at most {MAX_MARKETS} trainings"
            raise InputError("pairs", rule, made)
        frames = [Timeframe.parse(frame) for frame in lists["timeframes"]]
        for frame in frames:
            check_timeframe(frame, "timeframes")
        markets = [named_market(e, p, f) for e, p, f in product(lists["exchanges"], lists["pairs"], frames)]
        own = {name: terms[name] for name in _TERMS if terms.get(name) is not None}
        spans = [name for name in ("days", "start", "stop") if name in own]
        months = _number(terms, "historical_period_months", None if spans else 12, 0, MAX_MONTHS)
        if spans and months is not None:
            raise InputError("historical_period_months", f"cannot be combined with {spans[0]}", months)
        requests = tuple(
            TrainingRequest.from_dict(
                {"strategy": resolve(name), "method": METHODS[method], "validation": VALIDATIONS[validation]}
                | search | proof | own
            )
            for name in names
        )  # fmt: skip
        seconds = _number(terms, "max_runtime", None, 0, None)
        runtime_ms(seconds, "max_runtime")
        return cls(
            markets=tuple(dict.fromkeys(markets)),
            requests=requests,
            months=months,
            max_runtime_s=seconds,
            workers=_whole(terms, "parallel_workers", 1, 1, MAX_WORKERS),
            priority=_whole(terms, "priority", 0, -MAX_PRIORITY, MAX_PRIORITY),
            fetch=_flag(terms, "fetch", default=True),
            given=terms,
        )

    @classmethod
    def changed(cls, given: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return what another plan was read from with changes; a change to None takes a term away.

        What cannot stand beside a change goes with it: the numbers of another method, another way to say the span.
        """
        terms = dict(given)
        new = _snake(changes, (*_PLAN, *_TERMS), keep_nothing=True)
        span = ("historical_period_months", "days", "start", "stop")
        for one, other in (("strategy", "strategies"), ("strategies", "strategy")):
            if one in new:
                terms.pop(other, None)
        for method, params in (
            ("optimization_method", "optimization_params"),
            ("validation_method", "validation_params"),
        ):
            if method in new and new[method] != terms.get(method):
                terms.pop(params, None)
        if any(name in new for name in span):
            terms = {name: value for name, value in terms.items() if name not in span}
        return {name: value for name, value in (terms | new).items() if value is not None}


def in_snake_case(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the terms of a plan by their names in snake_case, those inside its params too; values are not looked at.

    Raises
    ------
    InputError
        For a name that is unknown (with the near one), and one that is given twice.
    """
    terms = _snake(given, (*_PLAN, *_TERMS))
    for name, known in (("optimization_params", _BY_METHOD), ("validation_params", _BY_VALIDATION)):
        if name in terms:
            terms[name] = _snake(terms[name], tuple(known), name)
    return terms


def belongs(parameter: str, chosen: str) -> bool:
    """Whether a parameter of a plan belongs to a method of optimization or validation."""
    return chosen in (_BY_METHOD | _BY_VALIDATION)[parameter]


def written_term(name: str) -> str:
    """Return the plan's own name of a term of a request: ``n_samples`` for ``samples``, say."""
    return next((own for own, term in _AS_TERMS.items() if term == name), name)


def _snake(given: object, known: tuple[str, ...], where: str = "", *, keep_nothing: bool = False) -> dict[str, Any]:
    """Return a mapping with its names in snake_case; InputError for an unknown one, and one that is given twice."""
    if not isinstance(given, Mapping):
        raise InputError(where or "request", "must be an object of names and values", given)
    found: dict[str, Any] = {}
    for written, value in given.items():
        name = _snake_name(str(written))
        field = f"{where}.{written}" if where else str(written)
        if name not in known:
            raise InputError(field, "is not known here", value, near_name(name, known))
        if name in found:
            raise InputError(field, f"is given twice: also as {name}", value)
        found[name] = value
    return {name: value for name, value in found.items() if value is not None or keep_nothing}


def _snake_name(written: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", written).lower()


def _written(field: str, given: Mapping[str, Any]) -> str:
    """Return what an error calls a term as it was written: in its own case, and where it stood."""
    names = {_snake_name(str(name)): str(name) for name in given}
    if field.partition(".")[0] in names:
        name, *inner = field.split(".")
        return ".".join([names[name], *(_written(one, given[names[name]]) for one in inner)])
    for params in ("optimization_params", "validation_params"):
        inside = given.get(names.get(params, params))
        for name in inside if isinstance(inside, Mapping) else ():
            if field in (_snake_name(str(name)), _AS_TERMS.get(_snake_name(str(name)))):
                return f"{names[params]}.{name}"
    return field


def _strategies(terms: Mapping[str, Any]) -> list[str]:
    if ("strategy" in terms) == ("strategies" in terms):
        raise InputError("strategy", "one of strategy (a name) and strategies (a list of names) must be given")
    if "strategies" in terms:
        return _names(terms, "strategies")
    if not (isinstance(terms["strategy"], str) and terms["strategy"].strip()):
        raise InputError("strategy", "must be the name of a strategy", terms["strategy"])
    return [terms["strategy"]]


def _names(terms: Mapping[str, Any], name: str) -> list[str]:
    value = terms.get(name)
    if value is None:
        raise InputError(name, "must be given: a list of names")
    if not (isinstance(value, list | tuple) and value and all(isinstance(v, str) and v.strip() for v in value)):
        raise InputError(name, "must be a list of names, one at least", value)
    return list(dict.fromkeys(value))


def _choice(terms: Mapping[str, Any], name: str, default: str, choices: Mapping[str, str]) -> str:
    value = terms.get(name, default)
    if not (isinstance(value, str) and value in choices):
        raise wrong_choice(name, value, choices)
    return value


def _params(
    terms: Mapping[str, Any], name: str, chosen: str, belongs: Mapping[str, tuple[str, ...]], to: str
) -> dict[str, Any]:
    """Return the parameters of a method as terms of a request; InputError for one of another method."""
    given: dict[str, Any] = terms.get(name, {})
    for parameter, value in given.items():
        if chosen not in belongs[parameter]:
            raise InputError(
                f"{name}.{parameter}", f"belongs to {to} {' or '.join(belongs[parameter])}, not {chosen}", value
            )
    return {_AS_TERMS[parameter]: value for parameter, value in given.items()}


def _number(
    terms: Mapping[str, Any], name: str, default: float | None, least: float, most: float | None
) -> float | None:
    value = terms.get(name, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value == value:
        raise InputError(name, "must be a number", value)
    if not value >= least or (name == "historical_period_months" and not value > 0):
        raise InputError(name, "must be positive", value)
    if most is not None and value > most:
        raise InputError(name, f"must be at most {most:,}", value)
    return value


def _whole(terms: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = terms.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(name, "must be a whole number", value)
    if not least <= value <= most:
        raise InputError(name, f"must be from {least:,} to {most:,}", value)
    return value


def _flag(terms: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = terms.get(name, default)
    if not isinstance(value, bool):
        raise InputError(name, "must be true or false", value)
    return value
