"""`Experiment`: everything a result depends on, as one frozen value."""

from __future__ import annotations

import hashlib
import json
import operator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from assay._version import __version__
from assay.engine import OBJECTIVES, Execution
from assay.errors import InputError, InsufficientDataError, require, wrong_choice
from assay.evaluation import MAX_CACHED_SHAPES, Evaluator, first_signal_bar
from assay.search import SAMPLERS, SearchPlan, Space, parse_space
from assay.search.axes import Axes
from assay.search.objective import ALIASES
from assay.strategies import instance_of
from assay.training.procedure import PROCEDURE_VERSION
from assay.validation import SplitPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.market import Bars
    from assay.strategies import Strategy

PERMUTATIONS = {"quick": 39, "standard": 199, "thorough": 999}
"""Permutations per level of evidence."""

PROCEDURES = ("train", "fixed")
"""Search and search again in every window, or replay one point in every window (which is not out of sample)."""

THINNED_GRID = 250_000
"""Where the space is continuous or larger, the permutation test compares this many points at most."""


PLAN_TERMS = ("mode", "train_days", "test_days", "gap_days", "train_ratio", "holdout")
"""Names of a split plan in the canonical form."""

LATER_TERMS: dict[str, Any] = {"procedure_version": 1}
"""Terms that came after the first documents, each with the value that a document without it stands for.

A term at that value is left out of the canonical form: a new option breaks no stored document and moves no digest.
A new option is a field of `Experiment` and a line here.
"""


@dataclass(frozen=True)
class Experiment:
    """What to train, on what terms. The same experiment on the same bars gives the same bytes.

    Attributes
    ----------
    strategy : Strategy
        A class that needs no arguments will do.
    space : Space, optional
        The strategy's default grid when not given (what `auto` searches).
    method : str
        "auto", which is a grid, or one of `SAMPLERS`.
    budget : int, optional
        Points that a search other than a grid tries at most: 500 at random, 200 by a method that learns, where not
        given.
    objective : str
        One of `assay.engine.OBJECTIVES`; net_profit is accepted for net_profit_pct.
    execution : Execution
        Sides, costs, sizing and the least distance of a stop.
    plan : SplitPlan
    permutations : int
        Repetitions of the whole search on bars without an edge; 0 leaves p unknown and the stage PAPER.
    seed : int
    start_ms, stop_ms : int, optional
        Bounds of the signal bars, milliseconds UTC; earlier bars only warm indicators.
    allow_bad_data : bool
        Train below 70 % valid bars; recorded, and never promoted.
    procedure : {"train", "fixed"}
        "fixed" replays the space's only point in every window.
    """

    strategy: Strategy
    space: Space | None = None
    method: str = "auto"
    budget: int | None = None
    objective: str = "sharpe_ratio"
    execution: Execution = field(default_factory=Execution)
    plan: SplitPlan = field(default_factory=SplitPlan)
    permutations: int = PERMUTATIONS["standard"]
    seed: int = 42
    start_ms: int | None = None
    stop_ms: int | None = None
    allow_bad_data: bool = False
    procedure: Literal["train", "fixed"] = "train"

    def __post_init__(self) -> None:
        object.__setattr__(self, "strategy", instance_of(self.strategy))
        require("execution", self.execution, Execution)
        require("plan", self.plan, SplitPlan)
        if self.space is not None:
            require("space", self.space, Space, "parse_space(mapping, strategy.parameters) makes one of a mapping")
        self.strategy.check()
        object.__setattr__(self, "objective", ALIASES.get(self.objective, self.objective))
        if self.space is None:
            default = {n: list(v) for n, v in self.strategy.default_grid.items()}
            object.__setattr__(self, "space", parse_space(default, self.strategy.parameters))
        checks = [
            ("objective", self.objective, tuple(OBJECTIVES)),
            ("method", self.method, ("auto", *SAMPLERS)),
            ("procedure", self.procedure, PROCEDURES),
        ]
        for name, value, allowed in checks:
            if value not in allowed:
                raise wrong_choice(name, value, allowed)
        self._check_numbers()
        if self.procedure == "fixed" and self.grid_space.size != 1:
            raise InputError("space", "must be a single point to replay it as it is", self.grid_space.size)

    def _check_numbers(self) -> None:
        for name in ("permutations", "seed", "budget", "start_ms", "stop_ms"):
            value = getattr(self, name)
            if value is not None:
                try:
                    object.__setattr__(self, name, operator.index(value))
                except TypeError:
                    raise InputError(name, "must be a whole number", value) from None
        for name in ("permutations", "seed"):
            if not getattr(self, name) >= 0:
                raise InputError(name, "must not be negative", getattr(self, name))
        if self.budget is not None and self.budget < 1:
            raise InputError("budget", "must be at least 1", self.budget)

    @property
    def grid_space(self) -> Space:
        """The space, which is never None after construction."""
        assert self.space is not None  # noqa: S101  (set in __post_init__)
        return self.space

    @property
    def search_method(self) -> str:
        """The method with `auto` decided: a grid."""
        return "grid" if self.method == "auto" else self.method

    @property
    def search(self) -> SearchPlan:
        """Which points the search tries, on all days and in every window."""
        return SearchPlan(self.grid_space, self.search_method, self.budget, self.seed)

    @property
    def in_depth(self) -> bool:
        """Whether the scaled permutations and the Sharpe statistics are asked for: from standard evidence on."""
        return self.permutations >= PERMUTATIONS["standard"]

    @property
    def compared(self) -> SearchPlan:
        """The search whose best score is compared under permutation: the search itself where it can be repeated.

        Repeating it exactly needs the same points on every permuted series: a grid has them, and so has a random
        sample, since it does not depend on the history. A continuous or very large space is compared on a thinned
        grid that both sides use, and so is a method that learns, whose points are others on every series.
        """
        search, space = self.search, self.grid_space
        repeatable = search.method == "grid" or (search.method == "random" and space.is_discrete)
        if repeatable and search.size <= THINNED_GRID:
            return search
        return SearchPlan(space.thinned(THINNED_GRID))

    @property
    def asks_for_matrix(self) -> bool:
        """Whether the walk-forward is shown under other window lengths: from standard evidence on.

        Only where the permutation test repeats the search itself: the matrix is then a small share of its work.
        """
        repeats = self.in_depth and self.compared == self.search
        return repeats and self.procedure == "train" and self.plan.mode != "split"

    def evaluator(self, bars: Bars) -> Evaluator:
        """Return what stays the same during the search, with the warm-up of the widest shape."""
        space = self.grid_space
        shapes = Axes.of(space, self.strategy.shape_names).reach
        return Evaluator.over(
            self.strategy,
            space.values,
            execution=self.execution.on(bars.market),
            objective=self.objective,
            keep_setups=not SAMPLERS[self.search_method].learns or shapes <= MAX_CACHED_SHAPES,
        )

    @property
    def holding_bars(self) -> int | None:
        """Longest time stop of the space in bars, with the entry bar; None when trades are unbounded."""
        setting = self.strategy.bracket.max_bars
        if setting is None:
            return None
        if isinstance(setting, str):
            shortest, longest = self.grid_space.lowest(setting), self.grid_space.highest(setting)
        else:
            shortest = longest = float(setting)
        if shortest <= 0:  # 0 switches a time stop off
            return None
        return int(np.ceil(longest))

    def bounds(self, bars: Bars, warmup: int) -> tuple[int, int]:
        """Return (first, stop) signal bar of the span.

        The first is never before the warm-up: days without any possible signal would dilute every measure.
        """
        start = 0 if self.start_ms is None else bars.index_at(self.start_ms)
        stop = len(bars) if self.stop_ms is None else bars.index_at(self.stop_ms)
        start = first_signal_bar(bars, start, warmup)
        if stop - start < 2:
            raise InsufficientDataError(
                "history",
                f"signals need {warmup} bars of warm-up and a span of bars after them",
                f"{len(bars)} bars",
            )
        return start, stop

    def canonical(self, bars: Bars) -> dict[str, Any]:
        """Return every field as plain values, with the digest of the bars: what the digest is made of."""
        execution = self.execution.terms()
        return {
            "code_version": __version__,
            "data_digest": bars.digest,
            "market": bars.market.terms(),
            "strategy": self.strategy.name,
            "strategy_source": self.strategy.identity(),
            "space": self.grid_space.canonical(),
            "method": self.search_method,
            "budget": self.search.budget,
            "objective": self.objective,
            "sides": execution.pop("sides"),
            "plan": {name: getattr(self.plan, name) for name in PLAN_TERMS},
            "costs": execution.pop("costs"),
            "sizing": execution.pop("sizing"),
            "permutations": self.permutations,
            "seed": self.seed,
            "start_ms": self.start_ms,
            "stop_ms": self.stop_ms,
            "allow_bad_data": self.allow_bad_data,
            **execution,
            "procedure": self.procedure,
            **self._later_terms(),
        }

    def _later_terms(self) -> dict[str, Any]:
        """Return the terms that do not stand at the value of documents without them."""
        fixed = {"procedure_version": PROCEDURE_VERSION}
        terms = {name: fixed[name] if name in fixed else getattr(self, name) for name in LATER_TERMS}
        return {name: value for name, value in terms.items() if value != LATER_TERMS[name]}

    @classmethod
    def from_canonical(cls, terms: Mapping[str, Any], strategy: Strategy) -> Experiment:
        """Rebuild an experiment from what `canonical` said of it.

        Raises
        ------
        InputError
            When the terms are those of another strategy, or of other code of it.
        """
        for name, wanted, have in (
            ("strategy", terms["strategy"], strategy.name),
            ("strategy source", terms["strategy_source"], strategy.identity()),
        ):
            if wanted != have:
                raise InputError(name, f"must be the one of the experiment, {wanted}", have)
        options = {field.name for field in fields(cls)}
        return cls(
            **{name: terms.get(name, value) for name, value in LATER_TERMS.items() if name in options},
            strategy=strategy,
            space=parse_space(dict(terms["space"]), strategy.parameters),
            method=terms["method"],
            budget=terms["budget"],
            objective=terms["objective"],
            execution=Execution.from_terms(terms),
            plan=SplitPlan(**terms["plan"]),
            permutations=terms["permutations"],
            seed=terms["seed"],
            start_ms=terms["start_ms"],
            stop_ms=terms["stop_ms"],
            allow_bad_data=terms["allow_bad_data"],
            procedure=terms["procedure"],
        )

    def digest(self, bars: Bars) -> str:
        """SHA-256 of `canonical`, in hexadecimal: the experiment's identity."""
        return digest_of(self.canonical(bars))


def digest_of(canonical: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a canonical form, in hexadecimal."""
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
