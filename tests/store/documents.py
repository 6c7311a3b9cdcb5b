"""V3 documents to store: one true training, and variants of it."""

from __future__ import annotations

import copy
import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

from assay.documents.configuration import configuration, lifecycle
from assay.documents.schema import sealed
from assay.engine import Costs, Execution, Side
from assay.training import Evidence, Experiment, train
from assay.training.circuit_breakers import CIRCUIT_BREAKERS
from assay.validation import SplitPlan
from validation.toys import SameProcess, Spike, market

CREATED = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
BARS = market(31, 130, edge=0.012)


def experiment(**fields: Any) -> Experiment:
    usual: dict[str, Any] = {
        "execution": Execution(Side.LONG, Costs(fee=0.0003, slippage=0.0001)),
        "plan": SplitPlan(train_days=30, test_days=15),
        "permutations": 3,
    }
    return Experiment(Spike(), **(usual | fields))


@cache
def evidence() -> Evidence:
    return train(experiment(), BARS)


@cache
def proven() -> Evidence:
    """A true training that deserves VALIDATION, also in a fresh process."""
    return train(experiment(permutations=39), BARS, fresh_process=SameProcess())


@cache
def _trained() -> str:
    return json.dumps(configuration(evidence(), CREATED))


def trained() -> dict[str, Any]:
    """The document of a true training; with 3 permutations it is PAPER."""
    document: dict[str, Any] = json.loads(_trained())
    return document


def gates_of(stage: str) -> list[dict[str, Any]]:
    """Gates that support a stage and no more."""
    ladder = ("DISCOVERY", "VALIDATION", "MATURE")
    reached = ladder[: ladder.index(stage) + 1] if stage in ladder else ()
    failed = ladder[len(reached) : len(reached) + 1]
    facts = {"value": None, "limit": 1.0, "next_step": "", "at_most": False}
    passed = [{"name": f"what {s} asks", "passed": True, "stage": s} | facts for s in reached]
    return passed + [{"name": f"what {s} asks", "passed": False, "stage": s} | facts for s in failed]


def with_small_p(document: dict[str, Any], permutations: int = 199) -> None:
    """Let no permuted search find as much: what is promoted has such a p, and stands when it is taken again."""
    test = document["evidence"]["permutation"]
    maxima = [test["statistic"] * (0.1 + 0.8 * i / permutations) for i in range(permutations)]
    p = 1 / (1 + permutations)
    test |= {"p_value": p, "asked": permutations, "done": permutations, "as_good_or_better": 0, "maxima": maxima}
    document["metrics"]["p_value"] = p


def variant(number: int = 0, stage: str = "VALIDATION", **changes: Any) -> dict[str, Any]:
    """A document of its own: another id, stage and, by ``section__name=value``, other fields."""
    document = copy.deepcopy(trained())
    document["configId"] = f"SPIKE_V3_20260301_{number:06d}_abcdef"
    life = document["lifecycle"]
    why = "" if stage == "MATURE" else f"a gate after {stage} failed"
    document["lifecycle"] = lifecycle(stage, None, life["confidence_score"], why, gates_of(stage))
    document["circuit_breakers"] = dict(CIRCUIT_BREAKERS[stage])
    if stage != "PAPER":
        with_small_p(document)
    for path, value in changes.items():
        section, _, name = path.partition("__")
        if name:
            document[section][name] = value
        else:
            document[section] = value
    provenance, context = document["provenance"], document["context"]
    terms = provenance["experiment"]
    market = [context[name] for name in ("exchange", "pair", "timeframe")] + terms["market"][3:]
    if (market, document["strategy"]) != (terms["market"], terms["strategy"]):  # another market is another experiment
        terms |= {"market": market, "strategy": document["strategy"]}
        text = json.dumps(terms, sort_keys=True, separators=(",", ":"))
        provenance["experiment_digest"] = hashlib.sha256(text.encode()).hexdigest()
    return sealed(document)
