"""Files that unpack to more than they should, in a process of its own: a sentence, soon and within a gigabyte."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

if TYPE_CHECKING:
    from pathlib import Path

ROW = b"2024-01-01 00:00,1,1,1,1,1\n"
HEADER = b"time,open,high,low,close,volume\n"
MEGA = 1 << 20

READER = """
import json, resource, sys, time
from assay.errors import AssayError
from assay.sources import read_bar_file
said = {}
for path in sys.argv[1:]:
    begun = time.process_time()
    try:
        read_bar_file(path)
    except AssayError as error:
        said[path] = [str(error), time.process_time() - begun]
print(json.dumps([said, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def _nothing(rows: int) -> pa.Table:
    """A table of zeros, which packs to almost nothing."""
    zeros = pa.array(np.zeros(rows))
    return pa.table({"time": zeros, **dict.fromkeys(("open", "high", "low", "close"), zeros)})


def bombs(folder: Path) -> dict[str, str]:
    """Write the files and return what must be said of each."""
    rule = "must not unpack to more than 150 times its size"
    (folder / "rows.csv.gz").write_bytes(gzip.compress(HEADER + ROW * (90 * MEGA // len(ROW)), 9))
    (folder / "line.csv.gz").write_bytes(gzip.compress(b"1" * (90 * MEGA), 9))
    with zipfile.ZipFile(folder / "rows.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", HEADER + ROW * (90 * MEGA // len(ROW)))
    parquet.write_table(_nothing(21_000_000), folder / "rows.parquet")
    feather.write_feather(_nothing(21_000_000), str(folder / "rows.feather"), compression="lz4")
    (folder / "deep.json").write_bytes(b"[" * 1_000_000)
    (folder / "object.json").write_bytes(b'{"a":' * 100_000)
    (folder / "number.json").write_bytes(b"[[" + b"9" * 100_000 + b",1,2,3,4]]")
    (folder / "packed.gz").write_bytes(gzip.compress(gzip.compress(HEADER + ROW * 1000)))
    return {
        "rows.csv.gz": rule,
        "line.csv.gz": "must be lines of at most 64 thousand characters",
        "rows.zip": rule,
        "rows.parquet": "must hold at most 20,000,000 rows, got '21,000,000'",
        "rows.feather": "must hold at most 20,000,000 rows, got '21,000,000'",
        "deep.json": "is JSON nested too deeply",
        "object.json": "is JSON nested too deeply",
        "number.json": "is not readable JSON",
        "packed.gz": "is neither text nor Parquet or Feather",
    }


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, tuple[str, float]], int]:
    folder = tmp_path_factory.mktemp("bombs")
    expected = bombs(folder)
    command = [sys.executable, "-c", READER, *(str(folder / name) for name in expected)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    said, peak = json.loads(answer.stdout)
    return expected, {path.rpartition("/")[2]: tuple(found) for path, found in said.items()}, peak


def test_each_is_refused_with_its_reason(
    outcome: tuple[dict[str, str], dict[str, tuple[str, float]], int],
) -> None:
    expected, said, _ = outcome
    assert said.keys() == expected.keys()
    for name, rule in expected.items():
        assert rule in said[name][0]


def test_none_takes_two_seconds_or_a_gigabyte(
    outcome: tuple[dict[str, str], dict[str, tuple[str, float]], int],
) -> None:
    _, said, peak_kb = outcome
    assert max(seconds for _, seconds in said.values()) < 2
    assert peak_kb < 1 << 20
