"""`assay database`: status, upgrade, backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.cli.commands.database import HOLDS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from cli.conftest import Assay


def test_status_tells_and_changes_nothing(assay: Assay, tmp_path: Path) -> None:
    path = tmp_path / "assay.db"
    before = assay("database", "status", "--database", path, "--json").document
    assert (before["kind"], before["revision"], before["rows"]) == ("SQLite", None, {})
    assert before["pending"][-1] == before["newest_revision"]
    after = assay("database", "upgrade", "--database", path, "--json").document
    assert (after["revision"], after["pending"]) == (before["newest_revision"], [])
    assert after["rows"]["bars"] == 0
    shown = assay("database", "status", "--database", path)
    assert shown.code == 0
    assert "none" in shown.out
    assert " MB\n" in shown.out
    assert HOLDS.keys() == after["rows"].keys()


def test_a_backup_is_a_database(assay: Assay, tmp_path: Path) -> None:
    path, copy = tmp_path / "assay.db", tmp_path / "copy.db"
    assert assay("database", "upgrade", "--database", path).code == 0
    # an empty database has the identity of its ledger, and nothing else
    assert assay("database", "backup", copy, "--database", path, "--json").document["rows"] == 1
    assert assay("database", "status", "--database", copy, "--json").document["pending"] == []
    again = assay("database", "backup", copy, "--database", path)
    assert again.code == 2
    assert "must not be there yet" in again.err


def test_the_database_is_named_in_a_file_env(assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_DATABASE_URL")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("ASSAY_DATABASE_URL=own.db\n")
    assert assay("database", "upgrade", "--json").document["database"] == "own.db"
    assert (tmp_path / "own.db").exists()


def test_an_address_that_is_none_is_told_without_its_password(assay: Assay) -> None:
    ran = assay("database", "status", "--database", "mysql://me:secret@server/x")
    assert ran.code == 2
    assert "must be postgresql:// or sqlite:///path" in ran.err
    assert "secret" not in ran.err
