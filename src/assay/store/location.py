"""Where things are kept: the home folder and the database, from options, the environment or a file ``.env``."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from dotenv import dotenv_values

from assay.errors import InputError


def setting(name: str) -> str | None:
    """Return a variable of the environment, else of the file ``.env`` in the working folder."""
    if value := os.environ.get(name):
        return value
    try:
        return dotenv_values(".env").get(name) or None
    except (OSError, ValueError) as error:  # a folder of this name, no UTF-8
        raise InputError(".env", f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def home() -> Path:
    """Return the folder that ``--home`` or ASSAY_HOME names, else the user's own data folder."""
    given = setting("ASSAY_HOME")
    return Path(given).expanduser() if given else Path(platformdirs.user_data_dir("assay"))


def database_url() -> str:
    """Return ASSAY_DATABASE_URL, else the SQLite file in the home folder."""
    return setting("ASSAY_DATABASE_URL") or str(home() / "assay.db")
