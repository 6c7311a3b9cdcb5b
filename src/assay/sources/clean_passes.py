"""Clean passes of the leak inspection, kept as small files beside the compiled kernels.

Both are facts about one version of the code: another version looks into another folder, and old ones are forgotten
together.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from assay.compiled import CACHE_DIRECTORY, result_digest
from assay.errors import InputError
from assay.lazy import lazy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.sources import files
else:
    files = lazy("assay.sources.files")  # pyarrow, which a training may not need


class StoredPasses:
    """A folder with one file per clean pass, named by its key.

    Parameters
    ----------
    folder : Path, optional
        Beside the compiled kernels by default; deleting it makes every strategy be looked through again.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = CACHE_DIRECTORY / f"leaks-{result_digest()}" if folder is None else folder

    def holds(self, key: str) -> bool:
        """Whether what the key stands for was found clean before."""
        return self._file(key).is_file()

    def keep(self, key: str, facts: Mapping[str, Any]) -> None:
        """Remember a clean pass; where that cannot be written the strategy is only looked through again."""
        with contextlib.suppress(OSError, InputError):  # the latter of a disk that is full
            self.folder.mkdir(parents=True, exist_ok=True)
            files.write_text(self._file(key), json.dumps(facts, indent=2) + "\n")

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.json"
