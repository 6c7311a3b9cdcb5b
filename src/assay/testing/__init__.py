"""A conformance suite for strategies, to be run from a test of one's own.

::

    from assay.testing import CHECKS, check_strategy

    def test_mine():
        check_strategy(MyStrategy)

    @pytest.mark.parametrize("rule", CHECKS)     # or a test per rule
    def test_rule(rule):
        CHECKS[rule](MyStrategy)

It needs no test framework: a broken rule is an `AssertionError` that says which strategy breaks it, and how.
"""

from assay.testing.case import loose_values
from assay.testing.markets import practice_bars
from assay.testing.suite import CHECKS, Check, check_strategy

__all__ = ["CHECKS", "Check", "check_strategy", "loose_values", "practice_bars"]
