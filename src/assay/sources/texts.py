"""Small files of plain values: TOML and JSON, read within bounds, every fault a sentence that names the file."""

from __future__ import annotations

import codecs
import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import FileFormatError, InputError, shortened

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

MAX_TOML = 1_000_000
MAX_JSON = 32_000_000
"""Bytes. A space is a few lines, a document with its evidence below a megabyte: a larger file is another one, and plain
values take twenty times its room in memory."""

MAX_DEPTH = 200
"""Parts of a key of TOML."""

_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""How editors mark a text that is not UTF-8."""


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises
    ------
    InputError
        When there is no such file, or it cannot be read.
    FileFormatError
        When it is not TOML, too large or too deep.
    """
    content: dict[str, Any] = _parsed(Path(path), MAX_TOML, "TOML", _toml)
    return content


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the object of a JSON file; a key that is there twice, NaN and infinity are faults.

    Raises
    ------
    InputError
        When there is no such file, or it cannot be read.
    FileFormatError
        When it is not JSON, not an object, too large or too deep.
    """
    file = Path(path)
    content = _parsed(file, MAX_JSON, "JSON", _json)
    if not isinstance(content, dict):
        raise FileFormatError(str(file), "must hold one JSON object", type(content).__name__)
    return content


def _parsed(file: Path, most: int, kind: str, parse: Callable[[str], Any]) -> Any:
    text = _text(file, most, kind)
    try:
        return parse(text)
    except RecursionError:
        raise FileFormatError(str(file), f"is no {kind} that can be read: it is nested too deeply") from None
    except ValueError as error:
        digits = "set_int_max_str_digits" in str(error)  # Python's own bound, and its own way out
        why = "a whole number in it has too many digits" if digits else str(error)
        raise FileFormatError(str(file), f"is not {kind}: {why}") from None


def _text(file: Path, most: int, kind: str) -> str:
    if file.is_dir():
        raise InputError(str(file), "must be a file, but it is a folder")
    if not file.is_file():
        raise InputError(str(file), "there is no such file")
    try:
        with file.open("rb") as opened:
            content = opened.read(most + 1)
    except OSError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror}") from None
    if len(content) > most:
        raise FileFormatError(str(file), f"must have at most {most:,} bytes to be read as {kind}", file.stat().st_size)
    try:
        return content.decode(_BOMS.get(content[:2], "utf-8-sig"))
    except UnicodeDecodeError as error:
        rule = f"is not {kind}: it is not UTF-8 ({error.reason} at byte {error.start})"
        raise FileFormatError(str(file), rule) from None


def _toml(text: str) -> Any:
    # a key of many parts costs the parser time and room by the square of their number
    parts = (part for line in text.splitlines() if not line.lstrip().startswith("#") for part in re.split("[,=]", line))
    if any(part.count(".") > MAX_DEPTH for part in parts):
        raise RecursionError
    return tomllib.loads(text)


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once_each, parse_constant=_no_number)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {shortened(name)!r} is there twice")
        found[name] = value
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
