"""Spaces of parameters in TOML files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.errors import FileFormatError
from assay.sources.texts import read_toml

if TYPE_CHECKING:
    from pathlib import Path


def read_space(path: Path) -> dict[str, Any]:
    """Return the [space] table of a TOML file: name = {low, high, step}, [choices] or a value.

    Raises
    ------
    FileFormatError
        When the file is not TOML, or its [space] is missing, empty or not alone.
    """
    content = read_toml(path)
    space = content.get("space")
    if not isinstance(space, dict) or not space:
        raise FileFormatError(str(path), "must have a table [space] with at least one parameter", list(content))
    if others := sorted(set(content) - {"space"}):
        raise FileFormatError(str(path), "must hold nothing but the table [space]", others)
    return space
