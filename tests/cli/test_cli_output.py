"""JSON, numbers and progress."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from assay.cli.failures import report
from assay.cli.output import Output, iso_time, number, to_json
from assay.errors import InputError


def test_json_has_no_nan_and_no_foreign_types() -> None:
    content = {
        "b": math.nan, "a": -math.inf, "n": np.float64("nan"), "i": np.int64(3), "t": np.bool_(True),
        "x": np.array([1.0, math.inf]), "s": (1, "two", None), "p": Path("a/b"), 7: True,
    }  # fmt: skip
    plain = to_json(content)
    assert list(plain) == ["b", "a", "n", "i", "t", "x", "s", "p", "7"]
    assert list(plain.values()) == [None, None, None, 3, True, [1.0, None], [1, "two", None], str(Path("a/b")), True]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"), (math.nan, "-"), (math.inf, "+inf"), (True, "yes"), (1234567, "1,234,567"), (0.0, "0"),
        (0.25, "0.25"), (-10.01394, "-10.0139"), (2.0, "2"), (300668.636, "300,668.6"), (1000.0, "1,000"),
        (0.00005, "5e-05"), ("text", "text"), (-0.0, "0"),
    ],
)  # fmt: skip
def test_numbers_are_short(value: object, text: str) -> None:
    assert number(value) == text


def test_moments_are_utc() -> None:
    assert iso_time(1_700_000_000_000) == "2023-11-14T22:13:20Z"


def test_progress_writes_lines_now_and_then_without_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, 1.0, 6.0, 7.0, 20.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    with Output().progress("sweep", 1000) as advance:
        for _ in range(4):
            advance(100)
    assert capsys.readouterr().err.splitlines() == [
        "sweep: 200 of 1,000, 33/s, 24 s left",
        "sweep: 400 of 1,000, 20/s, 30 s left",
    ]


def test_quiet_says_nothing_beside_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(quiet=True)
    with output.progress("sweep", 10) as advance, output.working("compiling"):
        advance(10)
        output.note("by the way")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Output().progress("sweeping", 1000) as advance:
        advance(1000)
    with Output().working("compiling"):
        pass
    captured = capsys.readouterr()
    assert "sweeping" in captured.err
    assert "1,000 of 1,000" in captured.err
    assert "compiling" in captured.err
    assert captured.out == ""


def test_an_error_is_wrapped_like_a_note(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    error = InputError("--days", "must be positive and at most what the data holds", 100_000, "There are 400 days")
    for width, lines in (("", 1), ("40", 3)):
        monkeypatch.setenv("COLUMNS", width)
        assert report(error, as_json=False) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == lines
        assert " ".join(err.split()) == f"assay: {error}"


def test_tables_print_texts_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table("Title", ("name", "value"), [["[bold]x[/bold]", 1.5], [":smile:", None]])
    out = capsys.readouterr().out
    assert "[bold]x[/bold]" in out
    assert ":smile:" in out
    assert out.startswith("Title\n")
