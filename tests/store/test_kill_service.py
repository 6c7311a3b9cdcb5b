"""A seeded sample of the kill study: ten kills of workers, server and database, and nothing is lost or doubled."""

from __future__ import annotations

from pathlib import Path

import pytest
from studies.kill_service import Load, Round, faults, place_of, undisturbed


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_ten_kills_of_workers_server_and_database(own_server: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = own_server
    load = Load(jobs=2, tasks=6, workers=2, days=40, permutations=2, lease_s=3.0)
    with place_of("PostgreSQL", url, folder, load) as place:
        found = Round(place, load, "sample 1", tmp_path).run(10, (0.1, 0.4))
    assert faults(found, undisturbed(load)) == []
    assert sum(found["kills"].values()) == 10
    assert all(found["kills"].values())
