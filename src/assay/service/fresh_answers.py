"""The fresh process itself: ``python -m assay.service.fresh_answers FOLDER`` answers the questions in a folder."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.engine import Setups
from assay.errors import AssayError, StrategyError, described
from assay.evaluation import SetupsQuestion
from assay.leaks.probe import answer_to
from assay.market import Bars, Market
from assay.sources.user_strategy import load_strategy

if TYPE_CHECKING:
    from assay.strategies import Strategy

REQUEST, BARS, FAILED, DONE = "request.json", "bars.npz", "failed.txt", "{}.npz"
CHANGED = "is another one by now: its file, or one that it imports, has changed since it was loaded"
_COLUMNS = (
    "time", "open", "high", "low", "close", "volume", "absent", "valid", "tradable", "session",
)  # fmt: skip
_FEATURE = "feature "


def write_bars(folder: Path, bars: Bars) -> None:
    """Write the columns of bars."""
    columns: dict[str, Any] = {name: getattr(bars, name) for name in _COLUMNS}
    np.savez(folder / BARS, **columns)


def read_setups(path: Path) -> Setups:
    """Read an answer."""
    with np.load(path, allow_pickle=False) as columns:
        features = {n.removeprefix(_FEATURE): columns[n] for n in columns.files if n.startswith(_FEATURE)}
        fixed: dict[str, Any] = {n: columns[n] for n in ("bar", "side", "levels", "flat_by", "groups")}
    return Setups(features=features, **fixed)


def _write_setups(path: Path, setups: Setups) -> None:
    """Write an answer; it is there under its name when it is whole."""
    columns: dict[str, Any] = {n: getattr(setups, n) for n in ("bar", "side", "levels", "flat_by", "groups")}
    columns |= {_FEATURE + name: column for name, column in setups.features.items()}
    part = path.with_name("part.npz")
    np.savez(part, **columns)
    part.replace(path)


def _loaded(request: dict[str, Any]) -> Strategy:
    """Load the strategy; it must be the one that was trained."""
    if request["is_file"]:
        strategy = load_strategy(request["strategy"])
    else:
        module, _, name = request["strategy"].partition(":")
        strategy = getattr(importlib.import_module(module), name)()
    if strategy.identity() != request["identity"]:
        raise StrategyError(strategy.name, CHANGED)
    return strategy


def _answer(folder: Path) -> None:
    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    with np.load(folder / BARS, allow_pickle=False) as columns:
        history: dict[str, Any] = {name: columns[name] for name in _COLUMNS}
    bars = Bars(market=Market.from_terms(request["market"]), has_volume=request["has_volume"], **history)
    strategy = _loaded(request)
    for number, asked in enumerate(request["questions"]):
        question = SetupsQuestion(asked["shape"], asked["loosest"], asked["sides"])
        _write_setups(folder / DONE.format(number), answer_to(question, strategy, bars.head(asked["bars"])))


def main(folder: Path) -> int:
    """Answer every question of a folder, or leave there why not."""
    try:
        _answer(folder)
    except BaseException as error:  # noqa: BLE001  (importing a user's module may raise anything)
        said = str(error) if isinstance(error, AssayError) else f"raised {described(error)}"
        (folder / FAILED).write_text(said, encoding="utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
