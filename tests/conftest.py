"""What all tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import settings

from databases import (
    database,
    database_url,
    empty_postgresql_url,
    empty_url,
    postgresql_server,
    postgresql_template,
    postgresql_url,
    sqlite_template,
)

__all__ = [
    "database",
    "database_url",
    "empty_postgresql_url",
    "empty_url",
    "postgresql_server",
    "postgresql_template",
    "postgresql_url",
    "sqlite_template",
]

if TYPE_CHECKING:
    from collections.abc import Iterator

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
