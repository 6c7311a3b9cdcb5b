"""Two thousand files that were damaged: each is read to bars of the original, or refused with a sentence."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from assay.errors import AssayError
from assay.sources import ReadingOptions, read_bar_file
from sources.formats import BARS, FORMATS, Bar, Format

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

N = 2000
SEEDED = random.Random(15)
READ = [case for case in FORMATS if not case.refused and case.bars == BARS]
TEXTS = [case for case in READ if case.file.endswith((".csv", ".txt")) and "\n" in case.content.decode("latin-1")]


def _lines(content: bytes, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    lines = content.split(b"\n")
    head = next((i for i, line in enumerate(lines) if sum(c in b"0123456789" for c in line) > 20), 1)
    return b"\n".join([*lines[:head], *change(lines[head:])])


def _without(rows: list[bytes]) -> list[bytes]:
    return [row for row in rows if SEEDED.random() > 0.2]


def _twice(rows: list[bytes]) -> list[bytes]:
    return [copy for row in rows for copy in ([row, row] if SEEDED.random() < 0.2 else [row])]


def _shuffled(rows: list[bytes]) -> list[bytes]:
    rows = [row for row in rows if row]
    i, j = sorted(SEEDED.sample(range(len(rows)), 2))
    return [*rows[:i], *reversed(rows[i:j]), *rows[j:], b""]


def _banners(rows: list[bytes]) -> list[bytes]:
    i = SEEDED.randrange(len(rows))
    return [*rows[:i], b"# a remark", b"", *rows[i:]]


def _cut(rows: list[bytes]) -> list[bytes]:
    whole = b"\n".join(rows)
    return whole[: SEEDED.randrange(len(whole) // 2, len(whole))].rpartition(b"\n")[0].split(b"\n")


def _returns(rows: list[bytes]) -> list[bytes]:
    return [row + b"\r" if row else row for row in rows]


KEEPING: list[Callable[[list[bytes]], list[bytes]]] = [_without, _twice, _shuffled, _banners, _cut, _returns]
"""Changes of lines after which every bar that is read must be one of the original."""


def _flipped(content: bytes) -> bytes:
    data = bytearray(content)
    for _ in range(SEEDED.randint(1, 6)):
        data[SEEDED.randrange(len(data))] = SEEDED.randrange(256)
    return bytes(data)


def _torn(content: bytes) -> bytes:
    return content[: SEEDED.randrange(1, len(content))]


JUNK = [b"\x00" * 50, b",,,,,", b"NaN", b"1e999", b"-", b'"', b"[" * 5000, b"\xff\xfe", b"=cmd()", b"9" * 400]


def _filled(content: bytes) -> bytes:
    i = SEEDED.randrange(len(content))
    return content[:i] + SEEDED.choice(JUNK) + content[i:]


def _doubled(content: bytes) -> bytes:
    return content + content[: SEEDED.randrange(len(content))]


DAMAGING: list[Callable[[bytes], bytes]] = [_flipped, _torn, _filled, _doubled]


def read(case: Format, content: bytes, path: Path) -> list[tuple[int, ...]] | str:
    """Return the bars of a file as tuples, or the sentence with which it is refused."""
    path.write_bytes(content)
    refusal = ""
    try:
        bars = read_bar_file(path, options=ReadingOptions.parse(**case.options)).bars()
    except AssayError as error:
        refusal = str(error)
    if refusal:
        assert "\n" not in refusal
        return refusal
    there = ~bars.absent
    assert (bars.high >= bars.low).all()
    columns = (getattr(bars, name)[there].tolist() for name in ("time", "open", "high", "low", "close"))
    return list(zip(*columns, strict=True))


def key(bar: Bar) -> tuple[float, ...]:
    return int(bar.at.timestamp() * 1000), *bar.ohlc


@pytest.mark.parametrize("change", KEEPING, ids=lambda change: change.__name__)
def test_files_with_lines_changed_give_bars_of_the_original(change: Callable[..., list[bytes]], tmp_path: Path) -> None:
    true = {key(bar) for bar in BARS}
    outcomes = []
    for i in range(N // 2 // len(KEEPING)):
        case = TEXTS[i % len(TEXTS)]
        found = read(case, _lines(case.content, change), tmp_path / case.file)
        outcomes.append(isinstance(found, list))
        if isinstance(found, list):
            assert set(found) <= true, case.name
    assert sum(outcomes) > 0.8 * len(outcomes)


@pytest.mark.parametrize("change", DAMAGING, ids=lambda change: change.__name__)
def test_damaged_files_are_read_or_refused_with_a_sentence(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    for i in range(N // 2 // len(DAMAGING)):
        case = READ[i % len(READ)]
        read(case, change(case.content), tmp_path / case.file)
