"""Requests that nobody thought of, made from the OpenAPI document: no 5xx, and no answer that it does not declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.api_fuzz import asked, server

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_nothing_is_answered_that_is_not_declared(tmp_path: Path) -> None:
    with server(tmp_path / "api.db", trained=False) as app:
        found = asked(app, seed=5, per_operation=2, briefly=True)
    assert found.requests > 120
    assert not found.faults, "\n\n".join(found.faults)


def test_an_answer_that_is_not_declared_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.api.routes import ledger

    def broken(*_: object) -> None:
        raise RuntimeError("a fault of the server")

    monkeypatch.setattr(ledger, "check", broken)
    with server(tmp_path / "api.db", trained=False) as app:
        found = asked(app, seed=5, per_operation=3, only="/api/ledger/verify")
    assert any("500" in fault for fault in found.faults)
