"""Where Assay keeps what outlives a command."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the folder that ASSAY_HOME or ``--home`` names, else the user's own data folder."""
    import platformdirs  # noqa: PLC0415  (commands import when they run)

    given = os.environ.get("ASSAY_HOME")
    return Path(given) if given else Path(platformdirs.user_data_dir("assay"))
