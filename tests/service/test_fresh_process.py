"""The fresh process: it answers as this one does, and what goes wrong in it is one sentence."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from assay.errors import StrategyError
from assay.evaluation import SetupsQuestion, digest_of
from assay.leaks.planted import LongHistory, Planted
from assay.service.fresh_process import ARGUMENTS, NO_FILE, FreshProcess
from assay.sources.user_strategy import load_strategy
from assay.strategies import STRATEGIES
from validation.toys import Spike, market

if TYPE_CHECKING:
    from pathlib import Path

    from assay.strategies import Strategy

BARS = market(3, 40)
QUESTION = SetupsQuestion({}, {"strength": 0.25}, "both")
FILE = """
import os
import sys
import time
import numpy as np
from assay import Bracket, Parameter, Parameters, Setups, Strategy, at_least, atr
import __main__

FRESH = "fresh_answers" in str(getattr(__main__, "__file__", ""))


class Mine(Strategy):
    name = "MINE"
    parameters = Parameters(
        Parameter(name="strength", default=0.5, low=0.0, high=3.0, grid=(0.25, 1.0), doc="Of the move."),
        Parameter(name="stop", default=2.0, low=1.0, high=4.0, grid=(1.5, 3.0), doc="Stop in ATR."),
    )
    rules = (at_least("strength", "strength"),)
    bracket = Bracket(stop="stop", target=1.5, max_bars=12)

    def setups(self, bars, side, shape):
        {then}
        unit = atr(bars)
        t = np.flatnonzero(unit > 0)
        move = side * (bars.close - bars.open)[t] / unit[t]
        return Setups.build(bar=t, side=np.full(len(t), side), features={{"strength": move}}, stop_unit=unit[t])
"""


def mine(folder: Path, then: str = "pass") -> Strategy:
    path = folder / "mine.py"
    path.write_text(FILE.format(then=then))
    return load_strategy(f"{path}:Mine")


def test_it_answers_as_this_process_does(tmp_path: Path) -> None:
    strategy = mine(tmp_path, "print('a line of its own'); print('another', file=sys.stderr)")
    asked = [(QUESTION, 300), (QUESTION, len(BARS)), (SetupsQuestion({}, {}, "short"), 500)]
    answers = list(FreshProcess().answers(strategy, BARS, asked))
    assert [digest_of(a) for a in answers] == [digest_of(q.of(strategy, BARS.head(n))) for q, n in asked]


def test_what_a_strategy_leaves_in_the_environment_is_not_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = mine(tmp_path, "assert not (FRESH and 'LEFT_BY_MINE' in os.environ)")
    monkeypatch.setitem(os.environ, "LEFT_BY_MINE", "1")
    (answer,) = FreshProcess().answers(strategy, BARS, [(QUESTION, 200)])
    assert len(answer)


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("os._exit(7) if FRESH else None", "ended it with exit code 7"),
        ("1 / (0 if FRESH else 1)", "MINE setups, line 22: raised ZeroDivisionError"),
        ("time.sleep(60) if FRESH else None", "gave no answer within 3 s"),
    ],
)
def test_what_goes_wrong_there_is_one_sentence(tmp_path: Path, then: str, said: str) -> None:
    patient = FreshProcess(timeout_s=3.0) if "sleep" in then else FreshProcess()
    with pytest.raises(StrategyError) as caught:
        list(patient.answers(mine(tmp_path, then), BARS, [(QUESTION, 200)]))
    assert said in str(caught.value)
    assert str(caught.value).startswith("MINE in a fresh process: ")
    assert "\n" not in str(caught.value)


def test_it_starts_beside_files_named_like_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("numbers", "random", "json"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('data, not a module')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")  # as a notebook has it
    (answer,) = FreshProcess().answers(mine(tmp_path), BARS, [(QUESTION, 200)])
    assert len(answer)


def test_a_file_that_has_changed_since_is_not_asked(tmp_path: Path) -> None:
    strategy = mine(tmp_path)
    (tmp_path / "mine.py").write_text(FILE.format(then="bars = bars"))
    with pytest.raises(StrategyError, match="is another one by now"):
        list(FreshProcess().answers(strategy, BARS, [(QUESTION, 200)]))


def test_a_class_of_a_module_is_asked_by_its_name() -> None:
    question = SetupsQuestion({"memory": 20}, {}, "long")
    (answer,) = FreshProcess().answers(Spike(), BARS, [(question, 400)])
    assert digest_of(answer) == digest_of(question.of(Spike(), BARS.head(400)))


def test_who_cannot_be_asked_is_told_why(tmp_path: Path) -> None:
    class OfAFunction(Planted):
        pass

    of_a_notebook = type("OfANotebook", (Planted,), {"__module__": "__main__"})
    asked = FreshProcess()
    assert asked.refusal(OfAFunction()) == asked.refusal(of_a_notebook()) == NO_FILE
    assert asked.refusal(LongHistory(7)) == ARGUMENTS
    for strategy in (LongHistory(), Planted(), mine(tmp_path), STRATEGIES["SUPPLY_SHOCK"]()):
        assert asked.refusal(strategy) == ""
