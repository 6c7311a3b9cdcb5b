"""Clean passes of the leak laboratory, kept as small files beside the compiled kernels.

Both are facts about one version of the code: another version looks into another folder, and old ones are forgotten
together. The kernels' folder is that of the sources that hold kernels; what the laboratory finds depends on more.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.compiled import CACHE_DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Mapping


ROOMS = ("market", "indicators", "engine", "strategies", "validation")
"""Rooms whose sources decide what the laboratory finds."""


@cache
def _laboratory() -> str:
    """Return a short hash of these sources."""
    package = Path(__file__).parents[1]
    content = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (package / room).rglob("*.py")):
        content.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return content.hexdigest()[:16]


class KeptPasses:
    """A folder with one file per clean pass, named by its key.

    Parameters
    ----------
    folder : Path, optional
        Beside the compiled kernels by default; deleting it makes every strategy be looked through again.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = CACHE_DIRECTORY / f"leaks-{_laboratory()}" if folder is None else folder

    def holds(self, key: str) -> bool:
        """Whether what the key stands for was found clean before."""
        return self._file(key).is_file()

    def keep(self, key: str, facts: Mapping[str, Any]) -> None:
        """Remember a clean pass; where that cannot be written the strategy is only looked through again."""
        from assay.sources.files import write_text  # noqa: PLC0415  (it brings pyarrow, which a training may not need)

        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(self._file(key), json.dumps(facts, indent=2) + "\n")

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.json"
