"""An app over an empty database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assay.store import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An SQLite file with this version's tables."""
    path = tmp_path_factory.mktemp("api") / "assay.db"
    Database.open(path).close()
    return path.read_bytes()


@pytest.fixture
def database(empty_file: bytes, tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "assay.db").write_bytes(empty_file)
    opened = Database.open(tmp_path / "assay.db", upgrade=False)
    yield opened
    opened.close()
