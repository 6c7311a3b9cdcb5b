"""Which source files a result can depend on, and the digest that stands for them.

The cache of kernels, the remembered clean passes, the studies and the ``engine_hash`` of a document all use this one
digest. It covers every file of the package but those of rooms that only ask for results, keep or show them: a new
room counts until it is named here, and a test holds that no file that counts imports one that does not.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numba

PACKAGE = Path(__file__).parent

WITHOUT_INFLUENCE = ("agents", "api", "cli", "frames", "reports", "service", "store", "studio", "testing")
"""Rooms that cannot change a result: a page of theirs must not recompile kernels or void a study."""

_DOORS = ("__init__.py", "__main__.py")
"""Files at the top of the package that only import."""


def result_files(package: Path = PACKAGE) -> list[Path]:
    """Return the source files that a result can depend on, sub-folders too, in a fixed order."""
    found = (path.relative_to(package) for path in package.rglob("*.py"))
    counted = (p for p in found if p.parts[0] not in WITHOUT_INFLUENCE and p.as_posix() not in _DOORS)
    return [package / path for path in sorted(counted)]


def result_digest(package: Path = PACKAGE) -> str:
    """Return a short hash of the code that a result can depend on: names and contents of its files, numba's version."""
    content = hashlib.sha256(numba.__version__.encode())
    for path in result_files(package):
        content.update(b"\0" + path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return content.hexdigest()[:16]
