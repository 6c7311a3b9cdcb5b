"""Where compiled kernels are kept: decided once, before numba is imported.

numba notices a change in a kernel's own file but not in a function that it calls from another file: a
stale kernel then computes wrong results without a word. So the cache directory's name is the digest of
every source file that a result can depend on, and a changed helper meets an empty directory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import numba
import platformdirs

from assay._result_code import result_digest

_KEPT_VERSIONS = 5


def _writable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False


def _base() -> Path:
    home = os.environ.get("ASSAY_HOME")
    return Path(home) / "cache" if home else Path(platformdirs.user_cache_dir("assay"))


def _forget_old(root: Path, keep: Path) -> None:
    """Remove kernels of sources long gone; what cannot be removed stays."""
    versions = sorted((p for p in root.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
    for path in versions[:-_KEPT_VERSIONS]:
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)


def configure() -> Path:
    """Point numba's disk cache at a private directory and return it.

    The user's cache directory, else a directory of the user's own below the temporary one; an
    explicit NUMBA_CACHE_DIR wins.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return Path(os.environ["NUMBA_CACHE_DIR"])
    user = os.getuid() if hasattr(os, "getuid") else 0
    fallback = Path(tempfile.gettempdir()) / f"assay-{user}"
    root = next((r / "kernels" for r in (_base(), fallback) if _writable(r / "kernels")), None)
    if root is None:
        return Path(vars(numba.config)["CACHE_DIR"] or ".")
    directory = root / result_digest()
    fresh = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    if fresh:
        _forget_old(root, directory)
    vars(numba.config)["CACHE_DIR"] = str(directory)
    return directory


_COMPLETE = "complete"


def is_warm(directory: Path) -> bool:
    """Whether all kernels were compiled into the directory before."""
    return (directory / _COMPLETE).exists()


def mark_warm(directory: Path) -> None:
    """Remember that all kernels are compiled; where that cannot be written, they are only announced again."""
    with contextlib.suppress(OSError):
        (directory / _COMPLETE).touch()
