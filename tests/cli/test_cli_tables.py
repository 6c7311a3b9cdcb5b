"""Tables at any width, ids as people write them, and texts that cannot steer a terminal."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from assay.cli.main import main
from assay.cli.output import Column, Output
from assay.cli.tables import folded, render, wrapped
from assay.cli.terminal import visible
from assay.errors import InputError, likeliest, wrong_choice
from assay.sources.spreadsheet_safe import harmless, harmless_columns

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = st.text(st.sampled_from("ab_/ 漢é1-,."), max_size=40)
COLUMNS = (
    Column("name", narrow=8),
    Column("a long header %", 1),
    Column("reason", 2, narrow=10),
    Column("n"),
    Column("something more", 3),
)


@given(st.lists(st.tuples(TEXTS, st.integers(), TEXTS, st.integers(0, 10**9), TEXTS), max_size=4), st.integers(40, 140))
def test_no_line_is_wider_and_no_number_is_cut(rows: list[tuple[str, int, str, int, str]], width: int) -> None:
    texts = [[str(cell) for cell in row] for row in rows]
    made = render(COLUMNS, texts, (False, True, False, True, False), width, "─")
    assert all(cell_len(line) <= width for line in made.lines)
    words = " ".join(made.lines).split()
    shown = [i for i in (1, 3) if COLUMNS[i].header not in made.left_out]
    assert 3 in shown  # rank 0 stays
    assert all(row[i] in words for row in texts for i in shown)


@given(TEXTS, st.integers(4, 30))
def test_wrapping_loses_nothing_but_spaces(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_words_are_broken_where_they_may() -> None:
    assert wrapped("CAPITULATION_REVERSAL", 14) == ["CAPITULATION_", "REVERSAL"]
    assert wrapped("from 2024-01-01 to 2024-10-27", 13) == ["from", "2024-01-01 to", "2024-10-27"]
    assert wrapped("abcdefgh", 3) == ["abc", "def", "gh"]


ROW = ["x", 12.5, "why not", 3, "y" * 30]


def lines_of(capsys: pytest.CaptureFixture[str], columns: tuple[Column, ...], only: str | None = None) -> list[str]:
    Output().table("", columns, [ROW], only, choosable=True)
    return capsys.readouterr().out.splitlines()


def test_columns_are_chosen_by_name(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert " ".join(lines_of(capsys, COLUMNS)[0].split()) == "name a long header % reason n something more"
    assert lines_of(capsys, COLUMNS, "n, name")[0].split() == ["n", "name"]
    hidden = (*COLUMNS[:4], Column("rare", shown=False))
    assert "rare" not in lines_of(capsys, hidden)[0]
    assert "rare" not in lines_of(capsys, hidden, "all")[0]
    assert lines_of(capsys, hidden, "rare")[0].split() == ["rare"]
    with pytest.raises(InputError, match=r"--columns: must be all, or some of name, .*'reasn'. Did you mean 'reason'"):
        lines_of(capsys, COLUMNS, "reasn")
    many = tuple(Column(f"column_{n}") for n in range(60))
    with pytest.raises(InputError, match=r"some of column_41, .*, \.\.\. \(40 more: see docs/reg"):
        lines_of(capsys, many, "colum_41")
    with pytest.raises(InputError, match="--columns: must be all"):
        lines_of(capsys, COLUMNS, ",")
    monkeypatch.setenv("COLUMNS", "40")
    Output().table("", COLUMNS, [ROW], choosable=True)
    assert "left out for want of width: something more (--columns all shows it)" in " ".join(
        capsys.readouterr().err.split()
    )
    assert [line.split() for line in lines_of(capsys, COLUMNS, "all")][:2] == [
        ["name", "x"],
        ["a", "long", "header", "12.5"],
    ]


def test_what_could_steer_a_terminal_is_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    assert visible("é ok 漢 \u00a0") == "é ok 漢 \u00a0"
    assert visible("a\x1b[2J\nb\t\u202e\x9b\udcff\u200b\x7f") == r"a\x1b[2J\nb\t\u202e\x9b\udcff\u200b\x7f"
    assert visible("a\nb\r", keep_lines=True) == "a\nb\\r"
    output = Output()
    output.table("title\x1b", ("name\x1b", "value"), [["\x1b[31m", "x\ny"]])
    output.text("text\x1b")
    output.note("note\r")
    with output.progress("progress\x1b", 1), output.working("working\x1b"):
        pass
    captured = capsys.readouterr()
    assert not set(captured.out + captured.err) & set("\x1b\r")
    assert captured.out.count(r"\x1b") == 4
    assert r"x\ny" in captured.out


def ascii_stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)


def test_an_encoding_that_lacks_characters_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out, err = ascii_stream(), ascii_stream()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.chdir(tmp_path)
    assert main(["strategies"]) == 0
    assert main(["strategies", "Überfall\udcff"]) == 2
    (tmp_path / "x\udcff.csv").write_text(
        "time,open,high,low,close,volume\n2024-01-01,1,1,1,1,1\n2024-01-02,1,1,1,1,1\n"
    )
    assert main(["quality", "x\udcff.csv"]) == 0
    assert main(["configurations", "show", "x\udcff.csv"]) == 2
    said = [stream.buffer.getvalue().decode("ascii") for stream in (out, err)]  # type: ignore[attr-defined]
    assert "  ------" in said[0]
    assert r"Did you mean" in said[1] or r"berfall\udcff" in said[1]
    assert all(r"x\udcff.csv" in text for text in said)
    assert "bug in Assay" not in said[1]
    assert out.errors == "strict"  # as it was


@pytest.mark.parametrize(
    ("value", "hint"),
    [("randon", "Did you mean 'random'?"), ("RANDOM", "Did you mean 'random'?"), ("cma", "'cmaes'"), ("zzz", None)],
)
def test_a_wrong_choice_lists_all_once_and_the_likeliest(value: str, hint: str | None) -> None:
    text = str(wrong_choice("--method", value, ("grid", "random", "cmaes")))
    assert text.startswith(f"--method: must be one of grid, random, cmaes, got {value!r}")
    assert text.count("grid") == 1
    assert (hint in text) if hint else text.endswith("'zzz'")
    assert likeliest("sharpe", ("sharpe_ratio", "sortino_ratio")) == "sharpe_ratio"


ENUMERATED = {
    "--objective": "sharp",
    "--method": "randon",
    "--evidence": "fast",
    "--validation": "rollin",
    "--side": "shrt",
    "--sizing": "riks",
    "--strategy": "LIQUIDTY_SWEEP",
    "--grid": "defualt",
    "--status": "matur",
}
COMMAND_OF = {"--grid": ["sweep", "--file", "none.csv"], "--status": ["configurations", "list"]}


@pytest.mark.parametrize("option", ENUMERATED)
def test_every_enumerated_option_names_its_choices_once(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    value = ENUMERATED[option]
    assert main([*COMMAND_OF.get(option, ["train", "--file", "none.csv"]), option, value]) == 2
    err = capsys.readouterr().err
    listed = err.split("must be one of ")[1].split(", got ")[0].split(", ")
    assert all(err.split("Did you mean")[0].count(f" {one},") <= 1 for one in listed)
    assert ("Did you mean" in err) == (option != "--evidence")
    assert repr(value) in err


def test_cells_that_a_spreadsheet_would_run_are_made_harmless() -> None:
    for text in ("=1+1", "+cmd", "-cmd|x", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"):
        assert harmless(text) == f"'{text}"
    for cell in ("-0.5", "+1e-9", "-inf", "BTC/USDT", "", -0.5, None, "a=b"):
        assert harmless(cell) == cell
    columns = harmless_columns({"=mode": ["=cmd", "b"], "x": [-1.0, 2.0]})
    assert columns == {"'=mode": ["'=cmd", "b"], "x": [-1.0, 2.0]}


def test_a_number_and_its_percent_sign_stay_on_one_line() -> None:
    for width in range(8, 40):
        lines = [*folded("it fell by 12.5 % and then by 3 %, no more", width), *wrapped("a fall of 12.5 %", width)]
        assert not any(line.lstrip().startswith("%") for line in lines)
