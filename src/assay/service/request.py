"""`TrainingRequest`: what to train, as a validated value.

The options of the command line, the body of a request and a form all become one; `TrainingRequest.experiment` is the
only place that makes an `Experiment` of it.

>>> request = TrainingRequest.from_dict({"strategy": "LIQUIDITY_SWEEP", "method": "random", "samples": 200})
>>> experiment = request.experiment(load_strategy(request.strategy), bars)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from assay.engine import OBJECTIVES
from assay.engine.execution import ExecutionTerms
from assay.errors import InputError, near_name, wrong_choice
from assay.market.calendar import ms_to_days
from assay.search import MAX_BUDGET, SAMPLERS, SearchPlan, parse_space
from assay.search.objective import ALIASES
from assay.service.spans import SpanTerms
from assay.training import PERMUTATIONS, Experiment
from assay.validation import SplitPlan

if TYPE_CHECKING:
    from assay.market import Bars, Market
    from assay.search import Space
    from assay.strategies import Strategy


MAX_SEED = 2**63 - 1
"""Largest seed that a document's reader in any language can hold."""

MAX_PERMUTATIONS = 10**9
"""More than any run of years could do."""


@dataclass(frozen=True, kw_only=True)
class SearchTerms:
    """Where a search looks, how, and for what.

    Attributes
    ----------
    space : mapping or None
        Values by parameter, as `parse_space` takes them; None = the strategy's default grid.
    fixed : mapping
        Values that take the place of those of the space.
    method : str
        auto (a grid), grid, random, or one that learns as it goes.
    samples : int or None
        Points of a search that is no grid.
    objective : str
    seed : int
        Of sampling and permutations.
    """

    space: Mapping[str, Any] | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    method: str = "auto"
    samples: int | None = None
    objective: str = "sharpe_ratio"
    seed: int = 42

    def __post_init__(self) -> None:
        for name in ("space", "fixed"):
            given = getattr(self, name)
            if not (isinstance(given, Mapping) or (name == "space" and given is None)):
                raise InputError(name, "must be a mapping of parameters to values", given)
        _one_of("method", self.method, ("auto", *SAMPLERS))
        if self.objective not in tuple(ALIASES):
            _one_of("objective", self.objective, tuple(OBJECTIVES))
        _whole("samples", self.samples, least=1, most=MAX_BUDGET, optional=True)
        _whole("seed", self.seed, least=0, most=MAX_SEED)

    def space_of(self, strategy: Strategy) -> Space:
        """Return the space, in the parameters of a strategy."""
        default = {name: list(values) for name, values in strategy.default_grid.items()}
        return parse_space(default if self.space is None else self.space, strategy.parameters, self.fixed)

    def plan_of(self, space: Space) -> SearchPlan:
        """Return which points of a space are tried."""
        return SearchPlan(space, "grid" if self.method == "auto" else self.method, self.samples, self.seed)


@dataclass(frozen=True, kw_only=True)
class ProofTerms:
    """How what was found is proved or refuted.

    Attributes
    ----------
    evidence : str
        quick, standard or thorough: how many permutations.
    permutations : int or None
        Overrules `evidence`; 0 leaves p unknown.
    validation : str
        anchored or rolling walk-forward, or split.
    train_days, test_days, gap_days : float
        Lengths of the windows.
    train_ratio : float
        Share of the days that "split" trains on.
    """

    evidence: str = "standard"
    permutations: int | None = None
    validation: str = "anchored"
    train_days: float = 60.0
    test_days: float = 30.0
    gap_days: float = 0.0
    train_ratio: float = 0.7

    def __post_init__(self) -> None:
        _one_of("evidence", self.evidence, tuple(PERMUTATIONS))
        _whole("permutations", self.permutations, least=0, most=MAX_PERMUTATIONS, optional=True)
        for name in ("train_days", "test_days", "gap_days", "train_ratio"):
            _number(name, getattr(self, name))
        self.plan()

    @property
    def repeats(self) -> int:
        """How many permutations are run."""
        return PERMUTATIONS[self.evidence] if self.permutations is None else self.permutations

    def plan(self) -> SplitPlan:
        """Return the windows; InputError where there are none such."""
        return SplitPlan(self.validation, self.train_days, self.test_days, self.gap_days, self.train_ratio)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """What to train, on bars that are named elsewhere.

    Attributes
    ----------
    strategy : str
        A registered name, or ``path.py:Class``.
    search : SearchTerms
    proof : ProofTerms
    execution : ExecutionTerms
    span : SpanTerms
        The days that may signal.
    allow_bad_data : bool
        Train below 70 % valid bars; recorded, and never promoted.
    """

    strategy: str
    search: SearchTerms = field(default_factory=SearchTerms)
    proof: ProofTerms = field(default_factory=ProofTerms)
    execution: ExecutionTerms = field(default_factory=ExecutionTerms)
    span: SpanTerms = field(default_factory=SpanTerms)
    allow_bad_data: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.strategy, str) and self.strategy.strip()):
            raise InputError("strategy", "must be the name of a strategy", self.strategy)
        if not isinstance(self.allow_bad_data, bool):
            raise InputError("allow_bad_data", "must be true or false", self.allow_bad_data)

    def experiment(self, strategy: Strategy, bars: Bars) -> Experiment:
        """Return the experiment on these bars.

        Parameters
        ----------
        strategy : Strategy
            The one that `strategy` names.

        Raises
        ------
        InputError
            When the space or the span does not fit the strategy or the bars.
        """
        start, stop = self.span.on(bars)
        start_ms = int(bars.time[start]) if start else None
        stop_ms = int(bars.time[stop]) if stop < len(bars) else None
        return Experiment(**self._terms_on(strategy, bars.market), start_ms=start_ms, stop_ms=stop_ms)

    def of_newest_days(self, bars: Bars, most_days: float | None) -> TrainingRequest:
        """Return the request on the newest so many days of bars; on all of them where there are fewer."""
        first, end = bars.span_ms
        if most_days is None or most_days >= ms_to_days(end - first):
            return self
        return replace(self, span=replace(self.span, days=most_days))

    def experiment_on_all_days(self, strategy: Strategy, market: Market) -> Experiment:
        """Return the experiment on all days of bars that are not there yet; errors are those of `experiment`."""
        return Experiment(**self._terms_on(strategy, market))

    def _terms_on(self, strategy: Strategy, market: Market) -> dict[str, Any]:
        """Return the fields of an experiment but its days."""
        return {
            "strategy": strategy,
            "space": self.search.space_of(strategy),
            "method": self.search.method,
            "budget": self.search.samples,
            "objective": self.search.objective,
            "execution": self.execution.on(market),
            "plan": self.proof.plan(),
            "permutations": self.proof.repeats,
            "seed": self.search.seed,
            "allow_bad_data": self.allow_bad_data,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return every term by its name, as plain JSON values."""
        terms: dict[str, Any] = {"strategy": self.strategy, "allow_bad_data": self.allow_bad_data}
        for name, kind in GROUPS.items():
            group = getattr(self, name)
            terms |= {term: getattr(group, term) for term in _terms(kind)}
        for name in ("space", "fixed"):
            if terms[name] is not None:
                terms[name] = {str(parameter): _plain(value) for parameter, value in terms[name].items()}
        return terms

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> TrainingRequest:
        """Return the request that plain values describe; what is not given is at its default.

        Raises
        ------
        InputError
            For a name that is unknown (with the near one), a value of another kind or outside its rule.
        """
        if not isinstance(given, Mapping):
            raise InputError("request", "must be a mapping of names to values", given)
        known = ["strategy", "allow_bad_data", *(term for kind in GROUPS.values() for term in _terms(kind))]
        for name in given:
            if name not in known:
                raise InputError(str(name), "is not a term of a training", given[name], near_name(str(name), known))
        if "strategy" not in given:
            raise InputError("strategy", "must be given")
        groups = {
            name: kind(**{term: given[term] for term in _terms(kind) if term in given}) for name, kind in GROUPS.items()
        }
        own = {name: given[name] for name in ("strategy", "allow_bad_data") if name in given}
        return cls(**own, **groups)


GROUPS: dict[str, type[Any]] = {
    "search": SearchTerms,
    "proof": ProofTerms,
    "execution": ExecutionTerms,
    "span": SpanTerms,
}
"""The groups of a request, by the name of its field: their terms stand side by side in plain values."""


def _terms(kind: type[Any]) -> list[str]:
    return [f.name for f in fields(kind) if f.compare]


def _plain(value: Any) -> Any:
    """Return the values of a parameter in JSON's kinds: a range, which a tuple is, by the names of its numbers."""
    if isinstance(value, tuple):
        return dict(zip(("low", "high", "step"), value, strict=False))
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, list) else value


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise wrong_choice(name, value, allowed)


def _whole(name: str, value: object, *, least: int, most: int, optional: bool = False) -> None:
    if value is None and optional:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(name, "must be a whole number", value)
    if value < least:
        raise InputError(name, f"must be at least {least}" if least else "must not be negative", value)
    if value > most:
        raise InputError(name, f"must be at most {most:,}", value)


def _number(name: str, value: object) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise InputError(name, "must be a number", value)
