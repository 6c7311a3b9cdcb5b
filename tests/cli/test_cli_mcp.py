"""`assay mcp`: what its options become; the command itself is a process of its own in `tests/agents`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from assay.agents import state, stdio
from assay.cli.commands import mcp as command
from assay.errors import AssayError
from assay.service.supervisor import Supervisor

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Assay


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would be served; no worker is started."""
    calls: list[Any] = []

    class Quiet(Supervisor):
        def start(self, number: int | None = None) -> None:
            calls.append("workers")

        def stop(self, grace_s: float = 5.0) -> None:
            calls.append(grace_s)

    monkeypatch.setattr(command, "Supervisor", Quiet)
    monkeypatch.setattr(stdio, "serve_streams", lambda serving, *_: calls.append(serving))
    return calls


def test_what_the_options_become(
    assay: Assay, begun: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[Any] = []
    monkeypatch.setattr(state, "AgentState", lambda *given: states.append(given))
    ran = assay("mcp", "--workers", 2, "--strategies", tmp_path, "--user", " me ", "--offline")
    assert (ran.code, ran.out) == (0, "")
    assert states[0][1:] == ("me", True, tmp_path.resolve())
    assert (begun[0], begun[-1]) == ("workers", command.GRACE_S)
    begun.clear()
    assert assay("mcp", "--workers", 0).code == 0
    assert len(begun) == 1


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--workers", -1), "--workers"),
        (("--strategies", "nowhere"), "--strategies"),
        (("--user", " "), "--user"),
        (("--user", "x" * 51), "--user"),
        (("--log-level", "loud"), "--log-level"),
    ],
)
def test_what_cannot_be_served_is_refused(assay: Assay, begun: list[Any], options: tuple[Any, ...], field: str) -> None:
    ran = assay("mcp", *options, "--json")
    assert (ran.code, ran.document["error"]["field"]) == (2, field)
    assert not begun


def test_without_the_extra_it_says_what_is_lacking() -> None:
    with pytest.raises(AssayError, match=r"pip install 'assay\[agents\]'"), command._with_package():
        raise ModuleNotFoundError("no module named mcp", name="mcp.server")
