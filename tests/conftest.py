"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of recorded market data beside the checkout; ASSAY_SHARED names another place."""
    shared = Path(os.environ.get("ASSAY_SHARED", Path(__file__).parents[2] / "shared"))
    data = shared / "data"
    if data.is_dir():
        return data
    reason = f"no recorded market data in {data} (ASSAY_SHARED names the folder that holds data)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
