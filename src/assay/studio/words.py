"""Sentences from below in the words of the pages: they name options of the command line, which no page has."""

from __future__ import annotations

import re

from assay.api.request_words import as_request

WORDS: tuple[tuple[str, str], ...] = (
    (
        r"--method random --samples \d+ draws ([\d,]+) of the ([\d,]+) combinations",
        r"Random Search with \1 samples instead of all \2 combinations",
    ),
    (
        r"draw ([\d,]+) of them with --method random --samples \d+, or look at all .* with assay sweep --stream",
        r"draw \1 of them with Random Search",
    ),
    (r"assay sweep --stream looks at all of them, without a verdict; or draw points with --method random",
     "Draw points with Random Search, or take fewer values"),
    (r"--evidence (\w+)", r"evidence “\1”"),
    (r"assay data import, or without --offline",
     "Import its bars on the page Data, or let them be fetched by a server that may ask exchanges"),
    (r"[Oo]r pass --allow-bad-data", "or tick “Train on bad data”"),
    (r"[Pp]ass --allow-bad-data", "Tick “Train on bad data”"),
    (r"(?:assay train --resume takes up the last one|GET /api/training/jobs lists them)", "The page Jobs lists them"),
    (r"See (?:`assay quality`|GET /api/quality);", "See the page Data;"),
    (r"`?assay data import FILE`?", "Import a file on the page Data"),
    (r"POST /api/bars/upload stores (?:the )?bars(?: of a file)?", "a file of them is imported on the page Data"),
    (r"Upload its bars \(POST /api/bars/upload\)", "Import its bars on the page Data"),
    (r"say allowBadData", "tick “Train on bad data”"),
    (r"Give (\S+) in `timeframes`", r"Choose the timeframe \1"),
    (r"Give --timeframe (\S+)", r"Choose the timeframe \1"),
    (r"Give one of these to --timeframe", "Choose one of these timeframes"),
)  # fmt: skip
"""Regular expressions and what stands for them; what is left is said in the words of the API."""


def as_page(text: str) -> str:
    """Return a sentence in the words of the pages.

    Examples
    --------
    >>> as_page("--method random --samples 1000 draws 1,000 of the 18,432 combinations: about 2 minutes")
    'Random Search with 1,000 samples instead of all 18,432 combinations: about 2 minutes'
    """
    for pattern, words in WORDS:
        text = re.sub(pattern, words, text)
    return as_request(text)
