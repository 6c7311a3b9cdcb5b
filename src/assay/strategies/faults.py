"""Where in a user's file an error came from, and the sentence that says so."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, NamedTuple

from assay.errors import InputError, StrategyError, described

if TYPE_CHECKING:
    from assay.strategies.base import Strategy

MODULE_PREFIX = "assay_user_strategy_"
"""Names of modules made from users' files begin so."""


class Place(NamedTuple):
    """A line of a user's file.

    Attributes
    ----------
    file : str
    line : int
    function : str
        With its class, ``Rising.setups``; "" outside of functions.
    """

    file: str
    line: int
    function: str

    def error(self, rule: str) -> StrategyError:
        """Return the error that names this place."""
        return StrategyError(
            f"{self.file} line {self.line}", rule + (f" (in {self.function})" if self.function else "")
        )


def place_of(error: BaseException) -> Place | None:
    """Return the last line of a user's file that an error passed; None where it passed none."""
    place = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__", "")).startswith(MODULE_PREFIX):
            code = frame.f_code
            function = "" if code.co_name == "<module>" else code.co_qualname
            place = Place(code.co_filename, line, function)
    return place


def fault(error: BaseException) -> StrategyError | None:
    """Return what a user's file did wrong, where an error came from one; None where it did not."""
    place = place_of(error)
    return None if place is None else place.error(_rule(error))


def fault_in(strategy: Strategy, method: str, error: BaseException) -> StrategyError:
    """Return what a user's strategy did wrong when a method of it was called, by its line where it has a file."""
    place = place_of(error) or _definition(strategy, method)
    if place is None:
        return StrategyError(f"{strategy.name} {method}", _rule(error))
    return place.error(_rule(error))


def _rule(error: BaseException) -> str:
    return str(error) if isinstance(error, InputError) else f"raised {described(error)}"


def _definition(strategy: Strategy, method: str) -> Place | None:
    """Return where a method of a strategy from a file begins: what it returns is no single line's fault."""
    if strategy.source_file is None:
        return None
    code = getattr(getattr(type(strategy), method, None), "__code__", None)
    if code is None:
        return Place(strategy.source_file.rpartition(":")[0], 1, f"{type(strategy).__qualname__}.{method}")
    return Place(code.co_filename, code.co_firstlineno, code.co_qualname)
