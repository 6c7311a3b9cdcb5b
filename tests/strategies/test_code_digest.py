"""The identity of a strategy without a file."""

from __future__ import annotations

import os
import subprocess
import sys

from assay.engine import Bracket, at_least, at_most
from assay.strategies.base import code_digest
from testing.faulty import Sound

CODE = """
from assay.strategies.base import code_digest
from assay.testing import practice_bars
from assay import Bracket, Strategy

class Named(Strategy):
    rules, bracket = (), Bracket(stop=1.0)

    def setups(self, bars, side, shape):
        return bars if side in {"alpha", "beta", "gamma", "delta"} else None

print(code_digest(Named))
"""


def test_it_is_the_same_in_every_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", CODE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1


class Base(Sound):
    threshold = 1.0

    @staticmethod
    def scaled(x: float, by: float = 2.0) -> float:
        return x * by

    @property
    def unit(self) -> float:
        return 1.0


def test_whatever_it_is_made_of_makes_another_one() -> None:
    class Same(Base):
        pass

    class OtherRules(Base):
        rules = (at_most("body", "body"), at_least("loud", "loud"))

    class OtherBracket(Base):
        bracket = Bracket(stop="stop", target=3.0, max_bars=20)

    class OtherConstant(Base):
        threshold = 1.5

    class OtherDefault(Base):
        @staticmethod
        def scaled(x: float, by: float = 3.0) -> float:
            return x * by

    class OtherProperty(Base):
        @property
        def unit(self) -> float:
            return 2.0

    kinds = (Same, OtherRules, OtherBracket, OtherConstant, OtherDefault, OtherProperty)
    assert len({code_digest(kind) for kind in kinds}) == len(kinds)
    assert code_digest(Same) == code_digest(type("Same", (Base,), {}))


def test_what_it_inherits_counts() -> None:
    class Other(Sound):
        threshold = 2.0

    assert code_digest(type("A", (Base,), {})) != code_digest(type("A", (Other,), {}))
