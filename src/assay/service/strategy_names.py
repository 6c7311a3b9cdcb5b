"""Strategies that a request may name: those that ship, and those of the operator's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.service.strategy_facts import summaries
from assay.service.strategy_folder import list_strategies, resolve_strategy
from assay.sources.user_strategy import load_strategy

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from assay.strategies import Strategy


def resolve(name: str, folder: Path | None) -> Strategy:
    """Return the strategy of a name that somebody sent; no path and no code of a request is opened or run.

    Parameters
    ----------
    folder : Path or None
        Where the operator keeps strategies of users.

    Raises
    ------
    InputError
        When it is no name but a path, say.
    NotFoundError
        When there is none of this name.
    """
    return load_strategy(resolve_strategy(name.strip(), folder))


def without_folder(text: str) -> str:
    """Return a strategy as people name it: its class alone where it is ``path.py:Class``."""
    path, colon, kind = text.rpartition(":")
    return kind if colon and path.endswith(".py") else text


def listed(folder: Path | None) -> list[dict[str, Any]]:
    """Return the strategies that may be named, a line each; of the folder's their names alone, since none is run."""
    own = [
        {"name": one.name, "parameters": None, "summary": f"{one.kind} in {one.file}"}
        for one in list_strategies(folder)
    ]
    return [*summaries(), *own]
