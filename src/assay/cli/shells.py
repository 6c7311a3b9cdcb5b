"""Completion in the shell: installed, shown, and answered when a shell asks for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer import _completion_classes, _completion_shared
from typer._completion_shared import _get_shell_name
from typer.completion import shell_complete

from assay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "assay"
ASKED = "_ASSAY_COMPLETE"
"""The variable in which a shell says that it asks, and what."""

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")


def calling_shell() -> str:
    """Return the shell that called: of the processes above this one, else that of $SHELL.

    Raises
    ------
    InputError
        When it is none that completes.
    """
    for found in (_get_shell_name(), Path(os.environ.get("SHELL", "")).name):
        if found in SHELLS:
            return found
    raise InputError("completion", f"needs one of {', '.join(SHELLS)}; name yours in $SHELL", os.environ.get("SHELL"))


def script(shell: str) -> str:
    """Return what a shell has to run in order to complete."""
    return _completion_shared.get_completion_script(prog_name=PROGRAM, complete_var=ASKED, shell=shell)


def install(shell: str) -> Path:
    """Write the script where a shell finds it, and return that place."""
    return _completion_shared.install(shell=shell, prog_name=PROGRAM, complete_var=ASKED)[1]


def answer(program: Callable[[], Any]) -> int:
    """Print what the shell may offer; nothing where the line is none that can be understood."""
    _completion_classes.completion_init()  # typer's own `main` does it, which this program does not go through
    try:
        return shell_complete(program(), {}, PROGRAM, ASKED, os.environ[ASKED])
    except Exception:  # noqa: BLE001  (a traceback would be written into the user's command line)
        return 1
    finally:
        sys.stdout.flush()
