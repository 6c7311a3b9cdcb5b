"""Which code made a job, and which workers may do its tasks."""

from __future__ import annotations

import re

from assay._version import __version__
from assay.training.procedure import PROCEDURE_VERSION

_FORM = re.compile(r"(\d+(?:\.\d+)*)\S*? procedure (\d+)")

CODE_VERSION = f"{__version__} procedure {PROCEDURE_VERSION}"
"""What jobs and workers say of their code."""


def may_run(made_by: str | None) -> bool:
    """Whether this code does the tasks of a job: not those of one that newer code has made.

    A job of before, which does not say who made it, is done.
    """
    ours, theirs = _numbers(CODE_VERSION), _numbers(made_by or "")
    return ours is None or theirs is None or theirs <= ours


def _numbers(text: str) -> tuple[tuple[int, ...], int] | None:
    found = _FORM.fullmatch(text)
    return None if found is None else (tuple(int(part) for part in found[1].split(".")), int(found[2]))
