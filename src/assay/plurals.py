"""Counts in sentences: 1 row, 2 rows."""


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless it is 1.

    Examples
    --------
    >>> plural(1, "shortened history"), plural(1_200, "search")
    ('1 shortened history', '1,200 searches')
    """
    return f"{count:,} {noun if count == 1 else _several(noun)}"


def _several(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
