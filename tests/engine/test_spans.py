"""A span lies inside its bars, and exposure counts the bars of the run."""

from __future__ import annotations

import pytest

from assay.engine import Combinations, Money, Span, measure, replay
from assay.errors import InputError
from assay.validation import market_alpha
from validation.toys import Spike, quiet, trial_of

OUTSIDE = [(-1, 50), (0, 97), (50, 40), (96, 96), (200, 300)]


@pytest.mark.parametrize(("start", "stop"), OUTSIDE)
def test_a_span_outside_the_bars_is_refused(start: int, stop: int) -> None:
    bars, trial, span = quiet(96, (60,)), trial_of(), Span(start, stop)
    signals = trial.signals(bars, Spike.parameters.defaults, trial.span(0, 96))
    rule = "must lie inside the bars, 0 <= start <= stop <= 96 and start below it"
    for run in (
        lambda: replay(bars, signals, Money(), span),
        lambda: trial.signals(bars, Spike.parameters.defaults, span),
        lambda: trial.score(bars, span, Combinations({n: (v,) for n, v in Spike.parameters.defaults.items()})),
    ):
        with pytest.raises(InputError) as caught:
            run()
        assert (caught.value.field, caught.value.rule) == ("span", rule)
        assert caught.value.value == f"{start} to {stop}"


@pytest.mark.parametrize(("start", "stop", "of"), [(48, 90, 42), (36, 96, 60), (41, 60, 20), (41, 70, 29)])
def test_exposure_counts_the_bars_of_the_run(start: int, stop: int, of: int) -> None:
    """One trade of three bars, 55 to 57, or 58 to 60 where the span of half days ends before its exit."""
    burst = 54 if stop > 60 else 57
    bars, trial = quiet(96, (burst,)), trial_of()
    run = trial.replay(bars, Spike.parameters.defaults | {"hold": 3}, trial.span(start, stop))
    assert run.trades.bars_held.tolist() == [3]
    assert run.bars == of
    assert measure(run, bars)["exposure"] == 3 / of
    assert market_alpha(run, bars).exposure == 3 / of


def test_a_run_without_a_trade_has_no_exposure() -> None:
    bars, trial = quiet(96, ()), trial_of()
    run = trial.replay(bars, Spike.parameters.defaults, trial.span(50, 50))
    assert run.bars == 1
    assert measure(run, bars)["exposure"] == 0.0
