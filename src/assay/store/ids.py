"""Ids as people write them: whole, a part that only one has, or ``last``; and how short each may be shown."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from assay.errors import InputError, NotFoundError, likeliest, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST = "last"
"""Stands for the newest."""

TAIL = 6
"""Characters of the digest in which a configId ends."""

MIN_HEAD = 8
MAX_SHORT = 16
"""A longer text is no misspelt short form."""

NEARLY = 0.8
"""How much of a short form must agree: five characters of six."""

MAX_NAMED = 6
"""Ids that an error names."""

MAX_COMPARED = 200
"""Ids, the newest, among which a likely one is looked for: comparing takes time."""


def find_id(text: str, known: Sequence[str], field: str, *, absent: str, empty: str = "There is none yet") -> str:
    """Return the id that a text stands for.

    Parameters
    ----------
    known : sequence of str
        Every id, the newest first.
    field : str
        What the error is about.
    absent : str
        The rule that an id breaks which nothing has, such as "is not in the registry".
    empty : str
        What to say where there are no ids at all.

    Raises
    ------
    InputError
        When the text is the beginning, or the end, of several (which it names).
    NotFoundError
        When it is that of none (with the likeliest, else the newest).
    """
    asked = text.strip().casefold()
    if text in known:
        return text
    if not known:
        if asked == LAST:
            raise NotFoundError(field, empty[:1].lower() + empty[1:])
        raise NotFoundError(field, absent, text, empty)
    if asked == LAST:
        return known[0]
    begun = [one for one in known if asked and one.casefold().startswith(asked)]
    found = begun or [one for one in known if len(asked) >= TAIL and one.casefold().endswith(asked)]
    if len(found) == 1:
        return found[0]
    if found:
        rule = f"{shown(text)} fits {len(found)} {field}s: {', '.join(found[:MAX_NAMED])}"
        raise InputError(field, rule + (", ..." if len(found) > MAX_NAMED else ""))
    close = likeliest(text, known[:MAX_COMPARED]) or _near_short(asked, known[:MAX_COMPARED])
    hint = f"Did you mean {close!r}?" if close else f"The newest are {', '.join(known[:MAX_NAMED])}"
    raise NotFoundError(field, absent, text, hint)


def _near_short(asked: str, known: Sequence[str]) -> str | None:
    """Return the short form of an id that a text misspells by a character; None where there is none."""
    close = get_close_matches(asked, short_ids(known).values(), n=1, cutoff=NEARLY) if len(asked) <= MAX_SHORT else []
    return close[0] if close else None


def short_ids(ids: Sequence[str]) -> dict[str, str]:
    """Return for each id the shortest text that `find_id` takes for it among these, and that is long enough to read.

    A configId, which begins as many others do, is shown by the digest in which it ends; any other id by its beginning.
    """
    return {one: _short(one, ids) for one in ids}


def _short(one: str, ids: Sequence[str]) -> str:
    others = [other.casefold() for other in dict.fromkeys(ids) if other != one]
    lowered = one.casefold()
    if "_" in one:
        for n in range(TAIL, len(one)):
            end = lowered[-n:]
            if not any(other.endswith(end) or other.startswith(end) for other in others):
                return one[-n:]
        return one
    for n in range(MIN_HEAD, len(one)):
        if not any(other.startswith(lowered[:n]) for other in others):
            return one[:n]
    return one
