"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# A shared machine makes single examples slow; what takes long is seen in the total.
settings.register_profile("assay", deadline=None, print_blob=True)
settings.load_profile("assay")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-golden", action="store_true", help="write tests/strategies/golden.json anew")


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
def shared_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what fixtures of a module or the session do away from it too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_DATABASE_URL", str(tmp_path_factory.getbasetemp() / "shared.db"))
        yield


@pytest.fixture(autouse=True)
def own_database(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's own database."""
    monkeypatch.setenv("ASSAY_DATABASE_URL", str(tmp_path_factory.getbasetemp() / f"{uuid4().hex}.db"))
