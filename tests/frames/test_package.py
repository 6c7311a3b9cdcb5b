"""The package's front door: what it offers, what that costs, and that nothing stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import assay
import assay.training
from assay._version import __version__
from assay.frames import training
from assay.service import run as run_module

if TYPE_CHECKING:
    from pathlib import Path

OFFERED = {
    *("Bars", "Market", "Timeframe", "Parameter", "Parameters", "Strategy", "Setups", "Bracket", "at_least"),
    *("at_most", "equals", "Vote", "Costs", "Sizing", "Money", "SplitPlan", "Experiment", "Evidence", "Progress"),
    *("train", "backtest", "measure", "read_bars", "bars_from_frame", "frame_from_bars", "SimulatedMarket"),
    *(
        "simulate_market",
        "NullMarket",
        "simulate_null",
        "BacktestEngine",
        "GridSearchOptimizer",
        "RandomSearchOptimizer",
    ),
    *("BayesianOptimizer", "NoCandidateWarning", "ParameterOptimizer"),
    *("WalkForwardValidator", "LiquiditySweepStrategy", "calculate_position_size", "configuration", "errors"),
    *("ConfigurationWriter", "StageCappedWarning", "LiveConfiguration", "load_configuration"),
}


def run(code: str, *, timeout: float = 60) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True, timeout=timeout
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("name", sorted(OFFERED))
def test_every_name_is_there(name: str) -> None:
    assert name in assay.__all__
    assert name in dir(assay)
    assert getattr(assay, name) is getattr(assay, name)


def test_nothing_is_offered_that_does_not_exist() -> None:
    for name in assay.__all__:
        assert getattr(assay, name) is not None
    for name in ("InferenceEngine", "ModelTrainer", "nonsense"):
        assert name not in dir(assay)
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
            getattr(assay, name)
    assert assay.__version__ == __version__


def test_import_costs_nothing() -> None:
    heavy = ("numpy", "numba", "pandas", "pyarrow", "pydantic", "rich")
    found = run(f"import assay, sys; print([m for m in {heavy} if m in sys.modules], 'Bars' in dir(assay))")
    assert found.strip() == "[] True"


def test_names_bring_only_what_they_need() -> None:
    code = "import sys; from assay import {}; print([m for m in ('pandas', 'pyarrow', 'rich') if m in sys.modules])"
    assert run(code.format("train, Experiment, LiquiditySweepStrategy")).strip() == "[]"
    assert run(code.format("errors")).strip() == "[]"


def test_train_uses_all_cores_and_is_otherwise_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    counted: list[object] = []
    passes, fresh, evidence = object(), object(), object()

    def trained(*given: Any, **options: Any) -> object:
        called.append((given, options))
        return evidence

    monkeypatch.setattr(run_module, "StoredPasses", lambda: passes)
    monkeypatch.setattr(run_module, "FreshProcess", lambda: fresh)
    monkeypatch.setattr(run_module, "train", trained)
    monkeypatch.setattr(training, "record_training", counted.append)
    assert training.train("experiment", "bars") is evidence  # type: ignore[arg-type]
    assert training.train("experiment", "bars", threads=1) is evidence  # type: ignore[arg-type]
    assert counted == [evidence, evidence]
    usual = {"passes": passes, "fresh_process": fresh, "campaign": None}
    assert called == [
        (("experiment", "bars", None), {"threads": os.cpu_count(), **usual}),
        (("experiment", "bars", None), {"threads": 1, **usual}),
    ]


SCRIPT = """
import numpy as np, pandas as pd
from assay import BacktestEngine, Costs, GridSearchOptimizer, LiquiditySweepStrategy, WalkForwardValidator

n = 60 * 24 * 12
rng = np.random.default_rng(1)
close = 100 * np.exp(np.cumsum(rng.standard_t(4, n) * 0.001))
open_ = np.concatenate(([100.0], close[:-1]))
data = pd.DataFrame({
    "timestamp": pd.date_range("2024-01-01", periods=n, freq="5min", tz="UTC"), "open": open_, "close": close,
    "high": np.maximum(open_, close) * 1.0005, "low": np.minimum(open_, close) * 0.9995,
    "volume": rng.lognormal(0, 1, n),
})
space = {"pierce_depth": [0.001, 0.002], "reversal_candles": [1, 2], "min_level_touches": [1]}
engine = BacktestEngine(LiquiditySweepStrategy, costs=Costs(0.0, 0.0))
best = GridSearchOptimizer().optimize(engine, data, parameter_space=space)
result = WalkForwardValidator().validate(best, data)
print(best["n_combinations"], len(result["windows"]))
"""


def test_a_script_needs_no_guard_and_leaves_no_process(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, start_new_session=True, cwd=tmp_path
    )
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert out.split() == ["4", "3"]
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
