"""Trainings of every kind that a report is made of, as (document, figures)."""

from __future__ import annotations

import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.documents.configuration import configuration
from assay.documents.figures import figures
from assay.documents.unverified import unverified
from assay.reports import html
from store.documents import CREATED, evidence, experiment
from training.test_train import planted, spike_experiment
from validation.toys import market, train

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.training import Evidence

Sample = tuple[dict[str, Any], dict[str, Any] | None]

SCRIPT = "<script>alert('x')</script>"


@cache
def _made(name: str) -> str:
    """The processes of one run of the tests make each training once: the first one leaves it for the others."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return _trained(name)
    shared = Path(tempfile.gettempdir()) / f"assay-samples-{run}-{name}.json"
    if not shared.is_file():
        part = shared.with_suffix(f".{os.getpid()}")
        part.write_text(_trained(name))
        part.replace(shared)
    return shared.read_text()


def _trained(name: str) -> str:
    if name == "plain":
        document = unverified("LIQUIDITY_SWEEP", {"a": 1}, {"sharpe_ratio": 2.0, "total_trades": 80}, CREATED)
        return json.dumps([document, None])
    trainings: dict[str, Callable[[], Evidence]] = {
        "promoted": lambda: train(spike_experiment(permutations=39), planted()),
        "refused": lambda: train(experiment(), market(5, 130, edge=-0.02)),
        "sampled": lambda: train(experiment(method="random", budget=4, permutations=0), market(31, 130, edge=0.012)),
        "paper": evidence,
    }
    found = trainings[name]()
    return json.dumps([configuration(found, CREATED), figures(found)])


def sample(name: str) -> Sample:
    """Of a strategy of a user's own: "promoted" (MATURE), "refused" (no candidate), "sampled" (no grid, no
    permutation), "paper"; "plain" is a configuration stored from measures."""
    document, drawn = json.loads(_made(name))
    return document, drawn


@cache
def page_of(name: str) -> str:
    """The page of a sample, or of `everything`: made once, since most tests only read it."""
    return html(*(everything() if name == "everything" else sample(name)))


def everything() -> Sample:
    """What later versions may put into a document, and names that would like to be markup."""
    document, drawn = sample("promoted")
    document["context"]["pair"] = f"{SCRIPT}/USDT"
    document["strategy"] = "A&B</style>"
    document["evidence"]["warnings"].append(SCRIPT)
    document["evidence"]["permutation"]["meaning"] = SCRIPT
    document["evidence"]["opinions"] = [
        {"name": "deflated Sharpe ratio", "value": 0.93, "low": None, "high": None, "meaning": SCRIPT, "source": "S1"},
        {"name": "PBO", "value": None, "low": 0.2, "high": 0.8, "meaning": "m", "source": "S2"},
    ]
    document["evidence"]["intervals"] = {"sharpe_ratio": [1.25, 7.75], "net_profit_pct": [-3.5, None]}
    document["evidence"]["ambiguity"] = {
        "trades": 3, "pessimistic_net_profit_pct": 1.5, "optimistic_net_profit_pct": 4.5, "resolved": 2,
        "resolved_net_profit_pct": None, "finer_timeframe": "1m",
    }  # fmt: skip
    document["evidence"]["campaign"] = {
        "ledger": "a-ledger", "experiments": 19, "unknown": 2, "permutations": 39, "p_adjusted": 0.043,
        "needed_permutations": None, "digest": "d", "members": ["a"], "declared": SCRIPT,
        "declared_at": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    document["evidence"]["comparability"] = {
        "rows": 13_535, "permuted_rows": 127.0, "trades": 80, "permuted_trades": 78.0, "similarity": 127 / 13_535,
        "comparable": False,
    }  # fmt: skip
    document["validation"]["matrix"] = {
        "train_days": [30, 60],
        "test_days": [15, 30],
        "sharpe": [[1.11, -2.22], [None, 4.44]],
        "net_profit_pct": [[10.5, -20.5], [None, 40.5]],
        "windows": [[9, 4], [None, 3]],
    }
    assert drawn is not None
    drawn["map"]["planes"][0]["x"] = drawn["map"]["axes"][0]["name"] = SCRIPT
    drawn["map"]["at"][SCRIPT] = drawn["map"]["at"].pop("memory")
    for plane in drawn["map"]["planes"][1:]:
        plane["x"] = SCRIPT if plane["x"] == "memory" else plane["x"]
    return document, drawn
