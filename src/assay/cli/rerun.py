"""A stored configuration as the start of a run: what is taken of it, and what the command line overrules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from assay.cli import options
from assay.cli.bars import BarsOptions, check_reading, file_bars
from assay.errors import InputError, StrategyError
from assay.market import Timeframe, refuse_futures
from assay.market.calendar import days_to_ms
from assay.service.database import open_database
from assay.service.recorded import Recorded
from assay.service.spans import SpanTerms, finished, note_volume
from assay.service.times import iso_time
from assay.sources.user_strategy import load_strategy
from assay.store import BarStore, Registry
from assay.strategies import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.engine import Execution
    from assay.market import Bars, Market
    from assay.service.recorded import RecordedData
    from assay.service.reporter import Reporter
    from assay.store import Database
    from assay.strategies import Strategy

    Overruled = dict[str, tuple[object, object]]
    """Value of the configuration and value that is used instead, by name."""

PARTS = ("strategy", "parameters", "market", "days", "costs", "side", "sizing")
"""What a configuration says of a run."""

_SPAN = ("days", "from_", "to")


@dataclass(frozen=True, kw_only=True)
class RunOptions(options.NamedOptions, BarsOptions, options.StrategyOptions):
    """A strategy on the bars of a file, of a stored market, or of a configuration."""

    id_: options.ConfigurationId = None


@dataclass(frozen=True, kw_only=True)
class PointOptions(RunOptions, options.StopOptions):
    """The same, with one set of parameters."""


@dataclass(frozen=True, eq=False)
class Rerun:
    """A configuration with the options that overrule it.

    Attributes
    ----------
    recorded : Recorded
    strategy : Strategy
    bars : Bars
    execution : Execution
        With the market's tick.
    start, stop : int
        The signal bars, start <= t < stop.
    overruled : mapping
        Value of the configuration and value that is used instead, by name.
    not_recorded : tuple of str
        What it was stored without: the options say that, at their defaults or not.
    same_bars : bool or None
        Whether the bars are those of then; None where others were asked for, or where that is not known.
    other_code : bool
        Whether the strategy's file is another one than then.
    sealed_ms : int or None
        Where the sealed holdout begins that was left out; None where nothing was.
    is_in_sample : bool
        Whether the days are among those that chose the parameters.
    """

    recorded: Recorded
    strategy: Strategy
    bars: Bars
    execution: Execution
    start: int
    stop: int
    overruled: Mapping[str, tuple[object, object]]
    not_recorded: tuple[str, ...]
    same_bars: bool | None
    other_code: bool
    sealed_ms: int | None
    is_in_sample: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "id": self.recorded.config_id,
            "overruled": {name: {"recorded": old, "used": new} for name, (old, new) in self.overruled.items()},
            "not_recorded": list(self.not_recorded),
            "same_bars": self.same_bars,
            "other_code": self.other_code,
            "sealed_from": None if self.sealed_ms is None else iso_time(self.sealed_ms),
        }

    def sentences(self) -> Iterator[str]:
        """Yield what was taken, what was overruled, and in what the run cannot be that of then."""
        taken = [part for part in PARTS if part not in (*self.overruled, *self.not_recorded)]
        yield f"Taken from {self.recorded.config_id}: {', '.join(taken)}."
        if self.overruled:
            labels = {"days": "days:"}
            changes = (
                f"{labels.get(name, name)} {new} instead of {old}" for name, (old, new) in self.overruled.items()
            )
            yield f"Overruled by options: {', '.join(changes)}."
        if self.not_recorded:
            yield f"It was stored without evidence: {', '.join(self.not_recorded)} are those of the options."
        if self.same_bars is False:
            yield "The bars are not those that it was trained on: the digest of the data differs."
        if self.other_code:
            yield "The strategy's code is not that of then."
        if self.sealed_ms is not None:
            yield f"Its sealed holdout, from {iso_time(self.sealed_ms)} on, is left out; --to would look into it."

    def note_in_sample(self, reporter: Reporter) -> None:
        """Say beside measures that their days chose the parameters, and what is known of others."""
        if self.is_in_sample:
            sharpe = self.recorded.sharpe_ratio
            is_said = "is unknown" if sharpe is None else f"was {sharpe:.2f}"
            reporter.note(f"These days chose the parameters; out of sample the Sharpe ratio {is_said}.")


def rerun(reporter: Reporter, given: RunOptions, config_id: str) -> Rerun:
    """Return a configuration's strategy, bars, days and terms, with the named options over them.

    Raises
    ------
    InputError
        When there is no such configuration, its bars are not stored and no file is named, or ``--strategy`` is
        another one.
    """
    terms = given.execution().execution()
    with open_database(given.database) as opened:
        registry = Registry(opened)
        recorded = Recorded.of(registry.get(registry.resolve(config_id)).typed)
        strategy = _strategy(given, recorded)
        bars = _bars(reporter, given, recorded, opened)
    execution, overruled = _execution(given, recorded, terms)
    for name, value in options.parse_sets(given.sets, strategy.parameters).items():
        overruled[name] = recorded.parameters.get(name), value
    is_its_market = recorded.market is not None and _named(bars.market) == _named(recorded.market)
    if recorded.market is not None and not is_its_market:
        overruled["market"] = str(recorded.market), str(bars.market)
    same = recorded.same_bars(bars) if is_its_market else None
    data, asks_for_days = recorded.data, bool(given.named & {*_SPAN})
    if data is None:
        start, stop = given.span.on(bars)
    elif asks_for_days:
        start, stop = (data.on if is_its_market else SpanTerms.on)(given.span, bars)
    else:
        start, stop = data.signals(bars)
        if is_its_market:
            bars = bars.head(bars.index_at(data.last_ms + 1))
    if data is not None and asks_for_days:
        overruled["days"] = "its own", _days(given)
    if data is not None and is_its_market and data.includes_sealed(bars, start, stop):
        reporter.note("These days include the sealed holdout, which opening for a choice spoils.")
    return Rerun(
        recorded=recorded,
        strategy=strategy,
        bars=bars,
        execution=execution.on(bars.market),
        start=start,
        stop=stop,
        overruled={name: (old, new) for name, (old, new) in overruled.items() if old != new},
        not_recorded=_not_recorded(recorded),
        same_bars=same,
        other_code=data is not None and strategy.identity() != recorded.strategy_source,
        sealed_ms=_left_out(data, given) if is_its_market or not asks_for_days else None,
        is_in_sample=data is not None and is_its_market and data.chose(bars, start, stop),
    )


def _days(given: RunOptions) -> str:
    """Return which days the options name."""
    which = "first" if given.from_ is not None else "last"
    parts = (
        (given.days, "" if given.days is None else f"the {which} {given.days:g}"),
        (given.from_, f"from {given.from_}"),
        (given.to, f"to {given.to}"),
    )
    return " ".join(words for value, words in parts if value is not None)


def _left_out(data: RecordedData | None, given: RunOptions) -> int | None:
    """Return where the sealed holdout begins that the days end before without being asked to."""
    if data is None or data.sealed_ms is None or given.span.stop is not None:
        return None
    start, days = given.span.start_ms, given.span.days
    if start is not None and (start > data.last_ms or (days and start + days_to_ms(days) <= data.sealed_ms)):
        return None
    return data.sealed_ms


def _strategy(given: RunOptions, recorded: Recorded) -> Strategy:
    is_named = "strategy" in given.named
    if not is_named and recorded.strategy not in STRATEGIES:
        raise StrategyError("--strategy", f"must name the file of {recorded.strategy}, as PATH.py:CLASS")
    strategy = load_strategy(given.strategy if is_named else recorded.strategy)
    if strategy.name != recorded.strategy:
        raise InputError("--strategy", f"must be that of the configuration, {recorded.strategy}", strategy.name)
    return strategy


def _named(market: Market) -> tuple[object, ...]:
    """Return what tells a market from others; what is known of its prices does not."""
    return market.exchange, market.symbol, market.timeframe, market.kind


def _bars(reporter: Reporter, given: RunOptions, recorded: Recorded, database: Database) -> Bars:
    """Return the bars of the file or the market that is named, else of the configuration's market."""
    check_reading(given)
    if given.file is not None and given.is_stored:
        raise InputError("--file, or --exchange with --symbol", "only one of them overrules the configuration's bars")
    if given.file is not None:
        bars = file_bars(reporter, given)
        is_known = recorded.market is not None and _named(bars.market) == _named(recorded.market)
    else:
        wanted = _market(given, recorded)
        try:
            bars = finished(BarStore(database).read_resampled(wanted))
        except InputError as error:
            hint = "--file reads the bars that it was trained on" if wanted == recorded.market else error.hint
            raise InputError(error.field, error.rule, error.value, hint) from None
        refuse_futures(bars.market)
        note_volume(reporter, bars)
        is_known = recorded.market is not None and _named(wanted) == _named(recorded.market)
    # the name of a file may say less of a market than the configuration does: its exchange, its tick
    is_known = is_known or bool(recorded.same_bars(bars))
    return replace(bars, market=recorded.market) if recorded.market is not None and is_known else bars


def _market(given: RunOptions, recorded: Recorded) -> Market:
    market = recorded.market
    if market is None:
        if not given.is_stored:
            raise InputError("--file, or --exchange with --symbol", "must say which bars: the configuration does not")
        return given.market()
    if given.is_stored:
        return replace(
            given,
            exchange=given.exchange or market.exchange,
            symbol=given.symbol or market.symbol,
            timeframe=given.timeframe or str(market.timeframe),
        ).market()
    return market if given.timeframe is None else replace(market, timeframe=Timeframe.parse(given.timeframe))


def _execution(given: RunOptions, recorded: Recorded, terms: Execution) -> tuple[Execution, Overruled]:
    """Return the recorded terms with the named options in their place, and what that changed."""
    base = recorded.execution
    if base is None:
        return terms, {}
    costs = {name: getattr(terms.costs, name) for name in ("fee", "slippage") if name in given.named}
    changed: Overruled = {name: (getattr(base.costs, name), value) for name, value in costs.items()}
    found = replace(base, costs=replace(base.costs, **costs, allow_high=True))
    if "side" in given.named:
        changed["side"] = base.sides.value, terms.sides.value
        found = replace(found, sides=terms.sides)
    if "sizing" in given.named:
        changed["sizing"] = base.sizing.method, terms.sizing.method
        found = replace(found, sizing=replace(base.sizing, method=terms.sizing.method))
    if "min_stop_costs" in given.named:
        changed["min_stop_costs"] = base.min_stop_costs, terms.min_stop_costs
        found = replace(found, min_stop_costs=terms.min_stop_costs)
    return found, changed


def _not_recorded(recorded: Recorded) -> tuple[str, ...]:
    parts = {
        "market": recorded.market,
        "days": recorded.data,
        "costs": recorded.execution,
        "side": recorded.execution,
        "sizing": recorded.execution,
    }
    return tuple(name for name, value in parts.items() if value is None)
