"""Plants mistakes in the kernels' source and lets the replay run it, as plain Python."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from assay.engine import kernels
from assay.engine import replay as replay_function

if TYPE_CHECKING:
    import pytest

SOURCE = Path(kernels.__file__).read_text(encoding="utf-8")


class Mutant(NamedTuple):
    """A mistake: a piece of the source and what stands in its place."""

    name: str
    old: str
    new: str

    def source(self) -> str:
        assert self.old in SOURCE, "the source has changed: bring the mutant up to date"
        return SOURCE.replace(self.old, self.new)


def use(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    # `assay.engine.replay` names the function; its module is found by the function.
    monkeypatch.setitem(replay_function.__globals__, "kernels", _interpreted(source))


def _interpreted(source: str) -> ModuleType:
    """Load kernels' source as a module of plain Python."""
    plain = source.replace("from assay.compiled import compiled", "def compiled(function):\n    return function\n")
    assert plain != source
    module = ModuleType("mutated_kernels")
    exec(compile(plain, "mutated_kernels", "exec"), vars(module))  # noqa: S102  (our own source)
    return module
