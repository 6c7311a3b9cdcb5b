"""The one way kernels are compiled: cached on disk, IEEE float64 as written, without the interpreter lock.

No kernel is built with ``parallel=True``: numba's own threads abort the process when two Python
threads enter them at once. Kernels release the interpreter lock instead, and callers spread work over
ordinary threads (`assay.threads`).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numba

from assay import _kernel_cache, _result_code

if TYPE_CHECKING:
    from collections.abc import Callable

CACHE_DIRECTORY = _kernel_cache.configure()


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel: no fastmath (it changed results), division by zero gives inf or NaN as in numpy."""
    kernel: Callable[..., Any]
    try:
        kernel = _kernel_cache.tolerant(numba.njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError as error:  # there is no folder that can be written to
        _kernel_cache.nowhere(error)
        kernel = numba.njit(nogil=True, error_model="numpy")(function)
    return kernel


@cache
def result_digest() -> str:
    """Return a short hash over all sources that a result can depend on."""
    return _result_code.result_digest()


def kernels_are_warm() -> bool:
    """Whether this version's kernels were compiled before; if not, the first run takes some seconds more."""
    return _kernel_cache.is_warm(CACHE_DIRECTORY)


def kernels_are_complete() -> None:
    """Remember that every kernel has been compiled, where they could be kept."""
    if _kernel_cache.fault() is None:
        _kernel_cache.mark_warm(CACHE_DIRECTORY)


def cache_fault() -> str | None:
    """Return why compiled kernels cannot be kept; None as long as they can."""
    return _kernel_cache.fault()
