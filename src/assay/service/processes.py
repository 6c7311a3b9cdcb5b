"""Python processes that are started for a command: they find its modules where it did, and Python's own before others.

A folder with data may hold a ``numbers.py`` or a ``random.py``. Python puts the current folder, or that of a script,
before its own modules, and NumPy then imports what lies there.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path


def python_command(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a module; ``-P`` keeps the current folder out of where modules are looked for."""
    return (sys.executable, "-P", "-m", module, *arguments)


def module_path() -> str:
    """Return where modules are found, as ``PYTHONPATH``: where this process finds them, the standard library first."""
    standard = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    standard |= {str(Path(place) / "lib-dynload") for place in standard}
    places = dict.fromkeys(place or str(Path.cwd()) for place in sys.path)
    return os.pathsep.join(sorted(places, key=lambda place: place not in standard))
