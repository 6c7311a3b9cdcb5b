"""What no option may be, whichever command it belongs to: empty, endless, or text that cannot be shown or stored."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from assay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MAX_TEXT = 4_096
"""Characters of an option's text: no path, name or note is longer."""

MAX_WHOLE = 2**63 - 1
"""Largest whole number that databases and arrays hold."""


def refuse_blank(arguments: Sequence[str]) -> None:
    """Refuse arguments without any text before they are parsed: a parser makes the working folder of an empty path.

    They come of a variable that is not set (``--database "$DB"``); to go on with a default would be another database.
    """
    before = ""
    for text in arguments:
        name, equals, value = text.partition("=")
        if not text.strip():
            raise InputError(before if before.startswith("--") and "=" not in before else "argument", _EMPTY, text)
        if name.startswith("--") and equals and not value.strip():
            raise InputError(name, _EMPTY, value)
        before = text


_EMPTY = "must not be empty"


def check_values(parameters: Iterable[Any], given: Mapping[str, Any]) -> None:
    """Refuse numbers that are not finite or beyond all measure, and texts that are too long or hold control characters.

    Parameters
    ----------
    parameters : iterable
        Of the command, as the parser has them: their names are what errors name.
    given : mapping
        The parsed value of each.
    """
    for parameter in parameters:
        value = given.get(parameter.name)
        name = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.metavar or parameter.name
        for one in value if isinstance(value, (list, tuple)) else [value]:
            _check(name.strip("[].") or parameter.name, one)


def _check(name: str, value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(name, "must be a finite number", value)
    if isinstance(value, int) and abs(value) > MAX_WHOLE:
        raise InputError(name, f"must be at most {MAX_WHOLE:,}", value)
    if not isinstance(value, str):
        return
    if len(value) > MAX_TEXT:
        raise InputError(name, f"must have at most {MAX_TEXT:,} characters", len(value))
    if any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in value):
        raise InputError(name, "must be text without control characters, in UTF-8", value)
