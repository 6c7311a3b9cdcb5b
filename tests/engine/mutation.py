"""Plants mistakes in the source of kernels or of the replay, and lets the tests run it; kernels as plain Python."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from assay.engine import kernels
from assay.engine import replay as replay_function
from engine import bridge

if TYPE_CHECKING:
    import pytest

SOURCE = Path(kernels.__file__).read_text(encoding="utf-8")
REPLAY = Path(replay_function.__code__.co_filename).read_text(encoding="utf-8")


class Mutant(NamedTuple):
    """A mistake: a piece of the source and what stands in its place."""

    name: str
    old: str
    new: str

    def source(self, right: str = SOURCE) -> str:
        assert self.old in right, "the source has changed: bring the mutant up to date"
        return right.replace(self.old, self.new)


def use(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    # `assay.engine.replay` names the function; its module is found by the function.
    monkeypatch.setitem(replay_function.__globals__, "kernels", _interpreted(source))


def use_replay(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Let the cases of the bridge run another source of the replay, with the kernels as they are."""
    module = ModuleType(replay_function.__module__)  # under its own name, which dataclasses look up
    exec(compile(source, "mutated_replay", "exec"), vars(module))  # noqa: S102  (our own source)
    monkeypatch.setattr(bridge, "replay", module.replay)


def _interpreted(source: str) -> ModuleType:
    """Load kernels' source as a module of plain Python."""
    plain = source.replace("from assay.compiled import compiled", "def compiled(function):\n    return function\n")
    assert plain != source
    module = ModuleType("mutated_kernels")
    exec(compile(plain, "mutated_kernels", "exec"), vars(module))  # noqa: S102  (our own source)
    return module
