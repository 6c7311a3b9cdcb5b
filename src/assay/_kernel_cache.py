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
from typing import Any

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
    for root in (_base() / "kernels", fallback / "kernels"):
        directory = root / result_digest()
        fresh = not directory.exists()
        if _writable(directory):
            if fresh:
                _forget_old(root, directory)
            vars(numba.config)["CACHE_DIR"] = str(directory)
            return directory
    return Path(vars(numba.config)["CACHE_DIR"] or ".")


_faults: list[str] = []


def fault() -> str | None:
    """Return why compiled kernels cannot be kept; None as long as they can."""
    return _faults[0] if _faults else None


def tolerant(kernel: Any) -> Any:
    """Let a kernel be compiled and run where its cache cannot be read or written; `fault` then says why.

    numba would end the call: on a full disk with an error of the system, at a torn file with one of its parser.
    """
    cache = kernel._cache  # noqa: SLF001  (numba offers no other way)
    load, save = cache.load_overload, cache.save_overload

    def loaded(signature: Any, target: Any) -> Any:
        try:
            return load(signature, target)
        except Exception as error:  # noqa: BLE001  (whatever is wrong with a file: compiling anew mends it)
            _faults.append(f"{type(error).__name__}: {error}")
            return None

    def saved(signature: Any, data: Any) -> None:
        try:
            save(signature, data)
        except OSError as error:
            _faults.append(error.strerror or str(error))

    cache.load_overload, cache.save_overload = loaded, saved
    return kernel


def nowhere(error: Exception) -> None:
    """Remember that there is no folder at all for compiled kernels."""
    _faults.append(str(error))


_COMPLETE = "complete"


def is_warm(directory: Path) -> bool:
    """Whether all kernels were compiled into the directory before."""
    return (directory / _COMPLETE).exists()


def mark_warm(directory: Path) -> None:
    """Remember that all kernels are compiled; where that cannot be written, they are only announced again."""
    with contextlib.suppress(OSError):
        (directory / _COMPLETE).touch()
