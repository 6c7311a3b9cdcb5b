"""What a stored configuration says of a run: all that is needed to run its parameters again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from assay.documents import Document, TrainedDocument, rebuild
from assay.engine import Execution
from assay.errors import InputError
from assay.market import Market, Timeframe, named_market
from assay.market.calendar import days_to_ms
from assay.service.times import iso_time, parse_moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.documents.sections.base import Setting
    from assay.market import Bars
    from assay.service.spans import SpanTerms


@dataclass(frozen=True)
class RecordedData:
    """The bars that a configuration was trained on.

    Attributes
    ----------
    first_ms, last_ms : int
        Opens of the first and of the last bar.
    digest : str
    start_ms, stop_ms : int or None
        Bounds of the signals, as they were given.
    sealed_ms : int or None
        Where the holdout begins that nobody has looked into; None where there is none or it was opened.
    chosen_ms : int
        Where the days end that chose the parameters: those of the holdout, opened or not, did not.
    """

    first_ms: int
    last_ms: int
    digest: str
    start_ms: int | None
    stop_ms: int | None
    sealed_ms: int | None
    chosen_ms: int

    def cut(self, bars: Bars) -> Bars:
        """Return those of a longer history that lie in the span of the data."""
        return bars.between(bars.index_at(self.first_ms), bars.index_at(self.last_ms + 1))

    def on(self, span: SpanTerms, bars: Bars) -> tuple[int, int]:
        """Return the signal bars of a span that somebody asks for, start <= t < stop.

        They end where the sealed holdout begins, unless the end is asked for or they begin after the data of then.

        Raises
        ------
        InputError
            When the span does not fit the bars, or begins in the sealed holdout and does not say where it ends.
        """
        sealed, start, (_, from_, to) = self.sealed_ms, span.start_ms, span.names
        is_after = start is not None and start > self.last_ms
        if sealed is None or span.stop is not None or is_after or not bars.span_ms[0] < sealed < bars.span_ms[1]:
            return span.on(bars)
        if start is None:
            return replace(span, stop=sealed).on(bars)
        if start >= sealed:
            hint = f"It begins at {iso_time(sealed)}; {to} says how far to look into it"
            raise InputError(from_, "lies in the sealed holdout of the configuration", span.start, hint)
        if span.days is None or start + days_to_ms(span.days) > sealed:
            return replace(span, days=None, stop=sealed).on(bars)
        return span.on(bars)

    def includes_sealed(self, bars: Bars, start: int, stop: int) -> bool:
        """Whether signal bars, start <= t < stop, lie in the sealed holdout."""
        return self.sealed_ms is not None and bars.time[start] <= self.last_ms and bars.moment(stop) > self.sealed_ms

    def chose(self, bars: Bars, start: int, stop: int) -> bool:
        """Whether signal bars, start <= t < stop, are of the days that chose the parameters."""
        first = self.first_ms if self.start_ms is None else self.start_ms
        return bool(bars.time[start] < self.chosen_ms and bars.moment(stop) > first)

    def signals(self, bars: Bars) -> tuple[int, int]:
        """Return the signal bars of the configuration in other bars, start <= t < stop, without a sealed holdout.

        Raises
        ------
        InputError
            When none of its days are in these bars.
        """
        first, end = bars.span_ms
        start = self.first_ms if self.start_ms is None else self.start_ms
        after = self.last_ms + 1 if self.stop_ms is None else self.stop_ms
        stop = after if self.sealed_ms is None else min(after, self.sealed_ms)
        found = bars.index_at(max(start, first)), bars.index_at(min(stop, end))
        if found[0] >= found[1]:
            have = f"The bars go from {iso_time(first)} to {iso_time(end)}; --from and --to choose others"
            raise InputError("--id", "its days are not in these bars", [iso_time(start), iso_time(stop)], have)
        return found


@dataclass(frozen=True)
class Recorded:
    """What a configuration holds of a run; None where it was stored without evidence.

    Attributes
    ----------
    config_id, strategy : str
    parameters : mapping
        All of them.
    market : Market or None
    strategy_source : str or None
        Digest of the code of a user's own strategy.
    execution : Execution or None
        Side, costs, sizing and the least distance of a stop.
    space : mapping or None
        What was searched, as `parse_space` takes it.
    data : RecordedData or None
    sharpe_ratio : float or None
        Out of sample.
    """

    config_id: str
    strategy: str
    parameters: Mapping[str, Setting]
    market: Market | None
    strategy_source: str | None = None
    execution: Execution | None = None
    space: Mapping[str, Any] | None = None
    data: RecordedData | None = None
    sharpe_ratio: float | None = None

    @classmethod
    def of(cls, document: Document) -> Recorded:
        """Return what a document holds."""
        if not isinstance(document, TrainedDocument):
            return cls(document.config_id, document.strategy, document.parameters, _named_market(document))
        terms = document.canonical_experiment
        return cls(
            document.config_id,
            document.strategy,
            document.parameters,
            rebuild.market_from(document.raw),
            strategy_source=terms["strategy_source"],
            execution=Execution.from_terms(terms),
            space=dict(terms["space"]),
            data=_data(document),
            sharpe_ratio=document.measures.get("sharpe_ratio"),
        )

    def same_bars(self, bars: Bars) -> bool | None:
        """Whether these are the bars of then; None where that is not known."""
        if self.data is None or self.market is None or bars.market.timeframe != self.market.timeframe:
            return None
        return self.data.cut(bars).digest == self.data.digest


def _data(document: TrainedDocument) -> RecordedData:
    span, holdout, terms = document.provenance.data, document.validation.holdout, document.provenance.experiment
    begin = None if holdout.from_ is None else parse_moment(holdout.from_, "holdout")
    return RecordedData(
        first_ms=span.from_ms,
        last_ms=span.to_ms,
        digest=document.provenance.data_digest,
        start_ms=terms.start_ms,
        stop_ms=terms.stop_ms,
        sealed_ms=None if holdout.opened else begin,
        chosen_ms=span.to_ms + 1 if begin is None else begin,
    )


def _named_market(document: Document) -> Market | None:
    named = document.context
    if named.exchange is None or named.pair is None or named.timeframe is None:
        return None
    return named_market(named.exchange, named.pair, Timeframe.parse(named.timeframe))
