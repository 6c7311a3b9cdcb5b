"""From evidence to the section `evidence`; the keys are those of `sections.evidence`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.documents.plain import iso, plain
from assay.training.circuit_breakers import OF_THE_CAPITAL
from assay.validation import ambiguity
from assay.validation.lifecycle import MIN_SIMILARITY
from assay.validation.sharpe import CONVENTION

if TYPE_CHECKING:
    from assay.engine.funnel import Stage
    from assay.evaluation.funnel import Relaxed, SignalFunnel
    from assay.market import Regime
    from assay.search import Neighbourhood
    from assay.training.evidence import Evidence
    from assay.validation import (
        Campaign,
        Comparability,
        Fragility,
        MarketAlpha,
        PermutationTest,
        SharpeStatistic,
        WhatIf,
    )

MEANING_OF_P = "better than no edge under the same costs; whether it is profitable the walk-forward says"


def _regime(regime: Regime) -> dict[str, Any]:
    """Return the regime with what it was decided by."""
    return {
        "name": regime.name,
        "t": plain(regime.t),
        "volatility": plain(regime.volatility),
        "days": regime.days,
    }


def _search(e: Evidence) -> dict[str, Any]:
    return {
        "method": e.experiment.search_method,
        "objective": e.experiment.objective,
        "combinations": e.search.result.combinations,
        "best_score": plain(e.search.result.score),
        "candidate_found": e.search.result.best is not None,
        "distribution": plain(e.search.result.distribution()),
    }


def _neighbourhood(around: Neighbourhood) -> dict[str, Any]:
    return {
        "median": plain(around.median),
        "refused": around.refused,
        "scores": plain(around.scores),
        "edges": list(around.edges),
    }


def _permutation(e: Evidence, p: PermutationTest) -> dict[str, Any]:
    compared = e.experiment.compared
    return {
        "method": p.method if p.done else None,
        "compared": {"method": compared.method, "combinations": compared.size} if p.done else None,
        "p_value": plain(p.p_value),
        "asked": p.asked,
        "done": p.done,
        "as_good_or_better": p.exceedances,
        "stopped_early": p.stopped_early,
        "stopped_by_budget": p.stopped_by_budget,
        "statistic": plain(p.statistic),
        "maxima": plain(p.maxima),
        "meaning": MEANING_OF_P,
    }


def _statistic(s: SharpeStatistic) -> dict[str, Any]:
    return {
        "name": s.name,
        "value": plain(s.value),
        "low": plain(s.low),
        "high": plain(s.high),
        "meaning": s.meaning,
        "source": s.source,
    }


def _change(f: Fragility) -> dict[str, Any]:
    return {"change": f.name, "net_profit_pct": plain(f.net_profit_pct), "holds": f.holds, "gate": f.gate}


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "long": stage.long,
        "short": stage.short,
        "alone": stage.alone,
        "without": stage.without,
        "parts": plain(stage.parts),
        "passed": stage.passed,
    }


def _relaxed(step: Relaxed) -> dict[str, Any]:
    return {
        "parameter": step.parameter,
        "value": plain(step.value),
        "looser": plain(step.looser),
        "signals": step.signals,
        "trades": step.trades,
    }


def _funnel(found: SignalFunnel, *, candidate: bool) -> dict[str, Any]:
    return {
        "of": "the winner" if candidate else "the defaults",
        "on": "the days that chose it",
        "stages": [_stage(stage) for stage in found.funnel.stages],
        "exits": dict(found.funnel.exits),
        "relaxed": [_relaxed(step) for step in found.relaxed],
        "binding": None if found.binding is None else found.binding.parameter,
        "sentence": found.sentence,
    }


def _market(alpha: MarketAlpha) -> dict[str, Any]:
    return {
        "days": alpha.days,
        "market_pct": plain(alpha.market_pct),
        "exposure": plain(alpha.exposure),
        "same_exposure_pct": plain(alpha.same_exposure_pct),
        "lean": plain(alpha.lean),
        "alpha_pct": plain(alpha.alpha_pct),
        "beta": plain(alpha.beta),
        "t": plain(alpha.t),
    }


def _comparability(found: Comparability) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "permuted_rows": plain(found.permuted_rows),
        "trades": found.trades,
        "permuted_trades": plain(found.permuted_trades),
        "similarity": plain(found.similarity),
        "comparable": found.similarity >= MIN_SIMILARITY,
    }


def _campaign(campaign: Campaign) -> dict[str, Any]:
    return {
        "ledger": campaign.ledger,
        "experiments": campaign.experiments,
        "unknown": campaign.unknown,
        "permutations": campaign.permutations,
        "p_adjusted": plain(campaign.p_adjusted),
        "needed_permutations": campaign.needed,
        "digest": campaign.digest,
        "members": list(campaign.members),
        "declared": campaign.declared,
        "declared_at": None if campaign.declared_at is None else iso(campaign.declared_at),
    }


def _what_if(run: WhatIf) -> dict[str, Any]:
    return {
        "name": run.name,
        "net_profit_pct": plain(run.net_profit_pct),
        "sharpe_ratio": plain(run.sharpe_ratio),
        "max_drawdown_pct": plain(run.max_drawdown_pct),
        "trades": run.trades,
        "held_back": run.held_back,
        "capped": plain(run.capped),
    }


def _circuit_breakers(e: Evidence) -> dict[str, Any]:
    return {
        "stage": e.verdict.stage.value,
        "not_simulated": OF_THE_CAPITAL,
        "runs": [_what_if(run) for run in e.judgement.limits],
    }


def evidence_section(e: Evidence) -> dict[str, Any]:
    """Return what was searched, and what speaks for or against the result."""
    return {
        "verified": True,
        "regime": _regime(e.search.regime),
        "search": _search(e),
        "neighbourhood": None if e.search.neighbourhood is None else _neighbourhood(e.search.neighbourhood),
        "permutation": _permutation(e, e.tests.permutation),
        "second_opinion": _permutation(e, e.tests.scaled_permutation),
        "opinions": None if e.tests.statistics is None else [_statistic(s) for s in e.tests.statistics.items],
        "intervals": {name: plain([i.low, i.high]) for name, i in e.tests.intervals.items()},
        "market": _market(e.tests.alpha),
        "comparability": None if e.tests.comparability is None else _comparability(e.tests.comparability),
        "campaign": None if e.judgement.campaign is None else _campaign(e.judgement.campaign),
        "probabilistic_sharpe": plain(e.tests.probabilistic_sharpe),
        "sharpe_convention": CONVENTION,
        "fragility": [_change(f) for f in e.tests.fragility],
        "funnel": _funnel(e.search.funnel, candidate=e.search.result.best is not None),
        "circuit_breakers": _circuit_breakers(e),
        "sizing": [_what_if(run) for run in e.judgement.sizings],
        "ambiguity": ambiguity(e.walk_forward.run, e.bars).interval(),
        "round_trip_share_of_stop": plain(e.tests.round_trip_share),
        "break_even_round_trip_pct": plain(100.0 * e.tests.break_even),
        "warnings": list(e.judgement.warnings),
        "trials": e.provenance.trials,
        "trials_counted": "this run only: `assay ledger` counts every run on these days",
    }
