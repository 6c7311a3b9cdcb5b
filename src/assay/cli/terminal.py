"""What a terminal can show: how wide it is, which characters it has, and texts that cannot steer it."""

from __future__ import annotations

import io
import os
import sys
import unicodedata
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assay.cli.user_code import results

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

MIN_WIDTH = 40
"""Narrower terminals are taken to be so wide: below it a name and a number do not fit beside each other."""

USUAL_WIDTH = 80

_PLAIN = str.maketrans("─█▏▎▍▌▋▊▉…", "-#.:|||##.")
"""What is drawn where the encoding has no such characters."""


def visible(text: str, *, keep_lines: bool = False) -> str:
    r"""Return a text in which whatever could steer a terminal, or hide, is escaped: ESC is shown as ``\x1b``.

    Names of files, symbols, strategies and sources come from others. Escaped are control characters, marks that turn
    the direction of writing, invisible format characters, and halves of characters (bytes of a file name that are no
    text).

    Parameters
    ----------
    keep_lines : bool
        Ends of lines stay.

    Examples
    --------
    >>> print(visible("BTC\x1b[2J"))
    BTC\x1b[2J
    """
    if text.isprintable():
        return text
    return "".join(c if _is_shown(c) or (keep_lines and c == "\n") else _escaped(c) for c in text)


def _is_shown(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) in ("Zs", "Co", "Cn")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def drawable(text: str, stream: TextIO) -> str:
    """Return a text with plain characters in the place of those of bars and lines that a stream cannot write."""
    if text.isascii():
        return text
    try:
        text.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return text.translate(_PLAIN)
    return text


def table_width(stream: TextIO | None = None) -> int | None:
    """Return the columns that a table may take; None where nothing is cut, which is where no terminal reads it.

    ``COLUMNS`` says it for a terminal and for anything else.

    Parameters
    ----------
    stream : file, optional
        That of results where not given.
    """
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return max(int(given), MIN_WIDTH)
    reader = stream or results()
    if not reader.isatty():
        return None
    try:
        return max(os.get_terminal_size(reader.fileno()).columns, MIN_WIDTH)
    except (OSError, ValueError):  # one that does not say
        return USUAL_WIDTH


@contextmanager
def unfailing_streams() -> Iterator[None]:
    """Let stdout and stderr write every text: what their encoding does not have is escaped instead of an error."""
    changed = []
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
            changed.append(stream)
    try:
        yield
    finally:
        for stream in changed:
            if not stream.closed:
                stream.reconfigure(errors="strict")
