"""Fractions as people write them: ``0.001``, ``0.1%`` and ``10bps`` are one number."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import SupportsFloat

from assay.errors import InputError

FORMS = "0.001, 0.1% or 10bps"
"""One fraction in every way that it can be written."""

_DECIMALS = {"%": 2, "bps": 4, "bp": 4}
_NUMBER = r"[-+]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:e[-+]?[0-9]{1,3})?"
_TEXT = re.compile(rf"({_NUMBER})\s*(%|bps?|)", re.IGNORECASE)


def has_unit(given: object) -> bool:
    """Whether a text names its unit, percent or basis points: nobody writes 10 % by mistake for 0.1 %."""
    found = _TEXT.fullmatch(given.strip()) if isinstance(given, str) else None
    return found is not None and bool(found[2])


def parse_fraction(name: str, given: object) -> float:
    """Return a fraction: of a number itself, of a text in any of its forms.

    The float of ``"0.07%"`` is that of ``0.0007``: the decimal point is moved, nothing is divided.

    Parameters
    ----------
    name : str
        What an error calls it.
    given : float, int or str

    Raises
    ------
    InputError
        For anything else, infinity and what is no number.
    """
    if isinstance(given, str):
        found = _TEXT.fullmatch(given.strip())
        if found is None:
            raise InputError(name, f"must be a number such as {FORMS}", given)
        value = float(Decimal(found[1]).scaleb(-_DECIMALS.get(found[2].lower(), 0)))
    elif isinstance(given, bool) or not isinstance(given, SupportsFloat):
        raise InputError(name, f"must be a number, or a text such as {FORMS}", given)
    else:
        value = float(given)
    if not math.isfinite(value):
        raise InputError(name, f"must be a finite number such as {FORMS}", given)
    return value + 0.0  # there is no -0


def percent(value: float) -> str:
    """Return a fraction as a text in percent, ``10%``, which `parse_fraction` reads as the same float."""
    return f"{Decimal(repr(value)).scaleb(2).normalize():f}%"
