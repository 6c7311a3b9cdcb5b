"""`Strategy`: what a trading idea has to say; everything else is the engine's."""

from __future__ import annotations

import hashlib
import operator
import re
import sys
from abc import ABC, abstractmethod
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from assay.engine import Bracket, Setups, Side
from assay.engine.rules import Rule, Vote
from assay.errors import StrategyError, near_name
from assay.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from assay.engine import Span
    from assay.engine.rules import AnyRule
    from assay.market import Bars
    from assay.parameters import Value


class Strategy(ABC):
    """A pattern, the rules that judge it and the bracket that leaves it.

    A strategy does not loop over bars and does not decide trades. It names the moments at which its
    pattern could be complete (`setups`), and for each the quantities that its parameters judge.

    Contract
    --------
    - `setups` is a pure, causal function: what it says of bar t depends on bars up to t only. It is
      called once per shape and side, from several threads at once.
    - A parameter named by a rule is a threshold, one named by the bracket is an exit parameter, and
      every other one is a shape parameter, which `setups` reads.
    - No parameter is dead: each changes signals or trades somewhere in its range.

    Examples
    --------
    >>> class Rising(Strategy):
    ...     name = "RISING"
    ...     parameters = Parameters(
    ...         Parameter(name="strength", default=1.0, low=0.5, high=3.0, unit="ATR", doc="Body, at least."),
    ...         Parameter(name="stop", default=2.0, low=1.0, high=4.0, unit="ATR", doc="Stop."),
    ...     )
    ...     rules = (at_least("body", "strength"),)
    ...     bracket = Bracket(stop="stop", target=2.0, max_bars=20)
    ...
    ...     def setups(self, bars, side, shape):
    ...         unit = atr(bars)
    ...         t = np.arange(len(bars))
    ...         body = side * (bars.close - bars.open) / unit
    ...         return Setups.build(bar=t, side=np.full(len(t), side), features={"body": body}, stop_unit=unit)
    """

    name: ClassVar[str]
    parameters: ClassVar[Parameters]
    rules: ClassVar[tuple[AnyRule, ...]]
    bracket: ClassVar[Bracket]
    source_digest: str | None = None
    """SHA-256 of the file of a user's strategy, with what it imports from beside: part of its identity."""
    source_file: str | None = None
    """Where a user's strategy was loaded from, ``/folder/path.py:Class``."""
    made_again: Callable[[], Strategy] | None = None
    """Makes a user's strategy from its file once more, sharing nothing with this one."""

    @abstractmethod
    def setups(self, bars: Bars, side: int, shape: Mapping[str, Value]) -> Setups:
        """Return one row per moment at which the pattern could be complete on one side.

        Parameters
        ----------
        bars : Bars
            Any history; earlier bars than the run's span are included.
        side : int
            +1 long, -1 short (swap high and low, flip comparisons; never negate a price).
        shape : mapping
            Values of the shape parameters. A search adds threshold parameters at the loosest value it will ask for:
            rows that fail it may be left out, which saves their cost. Where a name is missing nothing is known.
        """

    def warmup(self, shape: Mapping[str, Value]) -> int:
        """Bars of history that a signal needs; all candidates of a search start at the largest."""
        return 100

    def constraint(self, values: Mapping[str, Value]) -> str | None:
        """Return why a combination of values makes no sense, or None."""
        return None

    def identity(self) -> str | None:
        """Return what tells this strategy from another of the same name: part of every experiment's identity.

        The digest of a user's file, else of all that Python shows of the class; None for a strategy that ships, whose
        code is the code version's. A strategy that depends on more (a model, a file beside it) overrides it.
        """
        return None if self.ships else self.source_digest or code_digest(type(self))

    @property
    def ships(self) -> bool:
        """Whether it is one of the package's own: those of the registry, and the twin of each that the frames have."""
        kind = type(self)
        if self.source_digest is not None or not kind.__module__.startswith("assay."):
            return False
        # a class that only says that it is of the package is a user's
        return getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind

    def fit(self, bars: Bars, window: Span) -> Self:
        """Return the strategy as the train days of a window have fitted it; a strategy of rules is itself.

        Parameters
        ----------
        bars : Bars
            Nothing at or after `window.stop` may be read.
        window : Span
            The train days.
        """
        return self

    @property
    def threshold_names(self) -> tuple[str, ...]:
        """Parameters that rules read."""
        return tuple(dict.fromkeys(n for rule in self.rules for n in rule.parameters))

    @property
    def exit_names(self) -> tuple[str, ...]:
        """Parameters that only the bracket reads."""
        return tuple(n for n in self.bracket.parameters if n not in self.threshold_names)

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Parameters that change which rows exist."""
        used = {*self.threshold_names, *self.exit_names}
        return tuple(n for n in self.parameters.names if n not in used)

    @property
    def default_grid(self) -> dict[str, tuple[Value, ...]]:
        """The grid that `auto` searches: each parameter's grid values, or its default."""
        return {p.name: p.grid or (p.default,) for p in self.parameters}

    def check(self) -> None:
        """Refuse a class that declares something of another kind, or whose rules or bracket name unknown parameters."""
        self._check_kinds()
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", self.name):
            raise StrategyError("strategy name", "must be capitals, digits and underscores", self.name)
        known = self.parameters.names
        for name in (*self.threshold_names, *self.exit_names):
            if name not in known:
                raise StrategyError(
                    f"{self.name} rules and bracket",
                    f"{name!r} is not a parameter",
                    hint=near_name(name, known),
                )
        if shared := set(self.threshold_names) & set(self.bracket.parameters):
            raise StrategyError(f"{self.name} bracket", "may not read a parameter that a rule reads", sorted(shared))
        for p in self.parameters:
            p.check(p.default)
            for value in p.grid:
                p.check(value)
        self._check_methods()

    def _check_kinds(self) -> None:
        """Refuse declarations of another kind than they must be."""
        declared: dict[str, tuple[Any, str]] = {
            "name": (str, "a text"),
            "parameters": (Parameters, "Parameters(Parameter(...), ...)"),
            "rules": (tuple | list, "a tuple of rules, such as (at_least(...),)"),
            "bracket": (Bracket, "a Bracket(...)"),
        }
        for attribute, (kind, words) in declared.items():
            value = getattr(self, attribute)
            if not isinstance(value, kind):
                raise StrategyError(f"{type(self).__name__} {attribute}", f"must be {words}", type(value).__name__)
        for rule in self.rules:
            if not isinstance(rule, Rule | Vote):
                rule_words = "must be at_least(...), at_most(...), equals(...) or a Vote"
                raise StrategyError(f"{self.name} rules", rule_words, type(rule).__name__)
        if not callable(self.setups):
            raise StrategyError(f"{self.name} setups", "must be a method", type(self.setups).__name__)

    def _check_methods(self) -> None:
        """Refuse methods that return something else than they must; setups are checked whenever they are made."""
        defaults = self.parameters.defaults
        warmup = self.warmup(defaults)
        try:
            is_count = not isinstance(warmup, bool) and operator.index(warmup) >= 0
        except TypeError:
            is_count = False
        if not is_count:
            raise StrategyError(f"{self.name} warmup", "must return a whole number of bars from 0 on", warmup)
        reason = self.constraint(defaults)
        if reason is not None and not isinstance(reason, str):
            raise StrategyError(f"{self.name} constraint", "must return None, or why not as a text", reason)

    def all_setups(
        self, bars: Bars, values: Mapping[str, Value], sides: str, loosest: Mapping[str, float] | None = None
    ) -> Setups:
        """Return the setups of the requested sides in one table.

        Parameters
        ----------
        loosest : mapping, optional
            Threshold parameters at the loosest value that a search asks for.
        """
        shape = {n: values[n] for n in self.shape_names} | dict(loosest or {})
        parts = [self._checked(self.setups(bars, side, shape), side, len(bars)) for side in Side.parse(sides).signs]
        return parts[0] if len(parts) == 1 else Setups.concatenate(parts)

    def _checked(self, setups: Setups, side: int, bars: int) -> Setups:
        if not isinstance(setups, Setups):
            raise StrategyError(f"{self.name} setups", "must return Setups (see Setups.build)", type(setups).__name__)
        setups.check(bars)
        if len(setups) and not np.all(setups.side == side):
            raise StrategyError(f"{self.name} setups side", f"must be the side asked for ({side})")
        wanted = {
            rule.feature
            for entry in self.rules
            for rule in ([entry] if hasattr(entry, "feature") else [r for _, r in entry.conditions])
        }
        if missing := wanted - set(setups.features):
            raise StrategyError(f"{self.name} setups features", "lacks what the rules read", sorted(missing))
        return setups


def instance_of(given: object) -> Strategy:
    """Return a strategy as it is, and of a class that needs no arguments its instance.

    Raises
    ------
    StrategyError
        For a name, for a class that lacks something, and for anything else.
    """
    if isinstance(given, Strategy):
        return given
    if not (isinstance(given, type) and issubclass(given, Strategy)):
        hint = f"find_strategy({given!r}) and load_strategy({given!r}) find one" if isinstance(given, str) else ""
        raise StrategyError("strategy", f"must be a Strategy, not {type(given).__name__}", hint=hint)
    try:
        return given()
    except TypeError as error:
        raise StrategyError("strategy", f"{given.__name__} must be made first: {error}") from None


def code_digest(kind: type[Strategy]) -> str:
    """Hash what a strategy without a source file is made of, as far as Python shows it: its identity.

    Two classes of one name that do different things are different strategies. Rules, bracket, and of the user's own
    classes the functions with their defaults and the plain constants are covered; functions that they call elsewhere,
    and what an instance holds, are not.
    """
    parts = [repr((kind.rules, kind.bracket))]
    for one in kind.__mro__:
        if one not in (ABC, object) and not one.__module__.startswith("assay."):
            own = {name: value for name, value in vars(one).items() if not name.startswith(("__", "_abc_"))}
            parts += [f"{name} {_written_down(value)}" for name, value in sorted(own.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _written_down(value: object) -> str:
    """Write a constant or a function down, the same in every process; "" for what cannot be."""
    if isinstance(value, property):
        return _written_down(value.fget)
    value = getattr(value, "__func__", getattr(value, "__wrapped__", value))
    if isinstance(value, FunctionType):
        return f"{_written_down(value.__defaults__)} {_written_down(value.__code__)}"
    if isinstance(value, CodeType):
        return repr((value.co_code, value.co_names, value.co_varnames, [_written_down(c) for c in value.co_consts]))
    if isinstance(value, frozenset):  # its order is another one in every process
        return repr(sorted(map(_written_down, value)))
    if isinstance(value, tuple):
        return repr([_written_down(one) for one in value])
    return repr(value) if isinstance(value, str | bytes | int | float | complex | None) else ""
