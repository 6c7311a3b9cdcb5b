"""Sentences that name options of the command line, in the words of a request.

Errors, notes and ways out come from below, where both the command line and the API ask. Who asks by HTTP has no
options, but names in a body or a query.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WORDS: tuple[tuple[str, str], ...] = (
    (r"assay train --resume takes up the last one", "GET /api/training/jobs lists them"),
    (
        r"assay data import, or without --offline",
        "Upload its bars (POST /api/bars/upload), or let them be fetched (`fetch`) by a server that may ask exchanges",
    ),
    (r"`assay data import FILE`", "POST /api/bars/upload"),
    (r"assay data import FILE", "POST /api/bars/upload stores bars"),
    (r"assay train --file FILE stores a configuration", "POST /api/training/start makes configurations"),
    (r"assay train makes it anew, assay backtest --id runs its parameters again", "A training makes it anew"),
    (r"See `assay quality`;", "See GET /api/quality;"),
    (r"pass --allow-bad-data", "say allowBadData"),
    (r"--method (\w+) --samples (\d+)", r"optimizationMethod \1 with nSamples \2"),
    (r"--method (\w+)", r"optimizationMethod \1"),
    (r"Give --timeframe (\S+)", r"Give \1 in `timeframes`"),
    (r"Give one of these to --timeframe", "Give one of these in `timeframes`"),
    (r"\(archive --undo\)", "(POST .../restore)"),
)
"""Regular expressions and what stands for them, the longer ones first."""

_COMMAND = r"`?assay [a-z-]+(?: [a-z-]+)*(?: --[a-z-]+)*"
"""What only the command line can do keeps its name."""

_OPTION = r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)"
_ALL = re.compile("|".join([*(f"(?:{pattern})" for pattern, _ in WORDS), _COMMAND, _OPTION]))


def as_request(text: str) -> str:
    """Return a sentence with the names of a request in the place of the options of the command line.

    Examples
    --------
    >>> as_request("choose it with --columns volume=NAME"), as_request("or pass --allow-bad-data (recorded)")
    ('choose it with `columns` volume=NAME', 'or say allowBadData (recorded)')
    """
    return _ALL.sub(_instead, text)


def _instead(found: re.Match[str]) -> str:
    text = found.group()
    for words in _known(text):
        return words
    option = re.fullmatch(_OPTION, text)
    return text if option is None else f"`{option.group(1).replace('-', '_')}`"


def _known(text: str) -> Iterator[str]:
    for pattern, words in WORDS:
        if (found := re.fullmatch(pattern, text)) is not None:
            yield found.expand(words)


Words = Annotated[str, AfterValidator(as_request)]
"""A field of an answer that holds such a sentence."""


def field_name(option: str) -> str:
    """Return what an error is about by the name of a request: ``allow_bad_data`` for ``--allow-bad-data``."""
    return option.removeprefix("--").replace("-", "_") if option.startswith("--") else option


def as_body(terms: Mapping[str, Any]) -> dict[str, Any]:
    """Return terms of a training as they stand in a TrainingConfig.

    Examples
    --------
    >>> as_body({"method": "random", "samples": 1000})
    {'optimizationMethod': 'random', 'optimizationParams': {'nSamples': 1000}}
    """
    left = dict(terms)
    found: dict[str, Any] = {}
    if "method" in left:
        found["optimizationMethod"] = left.pop("method")
    names = (("samples", "nSamples"), ("space", "parameterGrid"))
    if params := {name: left.pop(term) for term, name in names if term in left}:
        found["optimizationParams"] = params
    return found | left
