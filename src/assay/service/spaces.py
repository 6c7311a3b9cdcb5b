"""Spaces of parameters in TOML files."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from assay.errors import FileFormatError, InputError

if TYPE_CHECKING:
    from pathlib import Path


def read_space(path: Path) -> dict[str, Any]:
    """Return the [space] table of a TOML file: name = {low, high, step}, [choices] or a value.

    Raises
    ------
    FileFormatError
        When the file is not TOML, or its [space] is missing, empty or not alone.
    """
    if not path.is_file():
        raise InputError(str(path), "there is no such file")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileFormatError(str(path), f"is not TOML: {error}") from None
    space = content.get("space")
    if not isinstance(space, dict) or not space:
        raise FileFormatError(str(path), "must have a table [space] with at least one parameter", list(content))
    if others := sorted(set(content) - {"space"}):
        raise FileFormatError(str(path), "must hold nothing but the table [space]", others)
    return space
