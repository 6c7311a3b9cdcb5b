"""Four hundred wrong options, drawn from the tables of the commands: each a sentence that names it, nothing stored."""

from __future__ import annotations

import random
import resource
from typing import TYPE_CHECKING, Any

import pytest
import typer

from assay.agents import stdio
from assay.api import server
from assay.cli import prelude
from assay.cli.commands import database, demo, leaks, ledger, self_check, sweep, train
from assay.cli.lazy_group import Planned
from assay.cli.main import make_app
from assay.service.collector import BarCollector
from assay.service.supervisor import Supervisor
from assay.service.worker import Worker
from assay.sources import write_bars
from assay.store import Imports
from assay.studio import mount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from assay.market import Bars
    from cli.conftest import Assay, Ran

SEED, CASES = 15, 400
MARKET = "BINANCE_BTCUSDT_5m.parquet"
LONG = "x" * 5_000

NEVER = ("", " ", "x", "inf", "-inf", "nan", "1e999", "9" * 400, "9" * 5_000, "1,5,", "\x1b[31m")
"""No number of any option."""
NUMBERS = (*NEVER, "-1", "1e308", "0x10", "1e-320", "\u0665", " 5")
NO_TEXT = ("", " ", LONG, "\x1b]0;t\x07", "a\nb", "\udcff", "\x9b2J")
"""Text of no option."""
TEXTS = (*NO_TEXT, "--", "..", "a/b/c", "%s{}", "'; DROP TABLE bars;--", "äöü😀")
DATES: tuple[str, ...] = (
    "soon",
    "2024-13-01",
    "2024-02-30",
    "0001-01-01",
    "0001-01-01T00:00:00+14:00",
    "99999-01-01",
    "-1",
    "0000-00-00",
)
DATES += ("9999-12-31T23:59:59-14:00", "2024-01-01T00:00:00+23:59", *NO_TEXT)
PATHS: tuple[str, ...] = (
    "",
    " ",
    "folder",
    "no/such/file.csv",
    "no.json",
    "no.toml",
    "x" * 300 + ".csv",
    LONG + ".parquet",
    "no_text.json",
)
PATHS += ("no_text.toml", "/dev/null/x.csv", "äöü😀.csv")
ADDRESSES = ("", " ", "folder", "x" * 300, "/dev/null/x.db", "mysql://x", "sqlite://", "://", "no_text.json", "\x1b[2J")

BASE: dict[str, list[str]] = {
    **{name: ["--file", MARKET] for name in ("train", "backtest", "sweep", "funnel")},
    "quality": [MARKET],
    "data import": [MARKET],
    "ledger declare": ["--file", MARKET, "--note", "why"],
    "serve": ["--port", "0", "--no-workers", "--no-studio"],
    "studio": ["--port", "0", "--no-workers", "--no-browser"],
    "worker": ["--job", "x"],
    "data download": ["--symbol", "BTC/USDT"],
    "data export": ["o.csv"],
    "data delete": ["--exchange", "binance", "--yes"],
    "database backup": ["copy.db"],
    "configurations compare": ["x", "y"],
    **{f"configurations {name}": ["x"] for name in ("show", "activate", "deactivate", "archive", "export", "verify")},
    "report": ["x"],
}
"""What else a command needs."""

PASSED = ("is not in the registry, got 'x'", "holds no markets", "there is none with this id, got 'x'")
"""Sentences about what the other arguments name: the option itself was not refused."""


def _reached(*_: object, **__: object) -> None:
    """Stand for the work of a command: its options were accepted."""
    raise typer.Exit(0)


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, found in group.commands.items():
        command = found.load() if isinstance(found, Planned) else found
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        if not hasattr(command, "commands") or name == "ledger":
            yield f"{before}{name}", command


def _wrong_values(parameter: Any) -> tuple[str, ...]:
    kind, option = str(parameter.type_descriptor.annotation), parameter.opts[0]
    if option == "--database":
        return ADDRESSES
    if "int" in kind or "float" in kind or option in ("--fee", "--slippage"):
        return NUMBERS
    if option in ("--from", "--to"):
        return DATES
    return PATHS if "Path" in kind or option == "--grid" else TEXTS


def cases() -> list[tuple[str, str, str, bool]]:
    """Return command, option, value, and whether no meaning of the value is right."""
    draw = random.Random(SEED)
    every = []
    for name, command in _commands(make_app()):
        for parameter in command.params:
            if getattr(parameter, "is_flag", False) or name == "evidence":
                continue
            values = _wrong_values(parameter)
            never = {NUMBERS: NEVER, PATHS: ("", " "), ADDRESSES: ("", " ")}.get(values, NO_TEXT)
            every.append(
                [(name, parameter.opts[0], value, value in never) for value in draw.sample(values, len(values))]
            )
    turns = [column[turn] for turn in range(max(map(len, every))) for column in every if turn < len(column)]
    return turns[: max(CASES, len(every))]  # every option of every command once, then once more


@pytest.fixture
def world(tmp_path: Path, bars: Bars, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny market, and commands whose work is not done."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    write_bars(MARKET, bars.head(1_500))
    (tmp_path / "folder").mkdir()
    for name in ("no_text.json", "no_text.toml"):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00{")
    work = (
        (demo, "simulated_markets"),
        *((train, name) for name in ("train_and_store", "make_job", "finish_job")),
        *((module, "compile_kernels") for module in (prelude, sweep, leaks)),
        (ledger, "store_declaration"),
        (database, "copy"),
        (self_check, "_row"),
        (Worker, "run"),
        (Imports, "add"),
        (BarCollector, "_exchange"),
        (server, "serve"),
        (mount, "mount_studio"),
        (stdio, "serve_streams"),
        (Supervisor, "start"),
    )
    for place, name in work:
        monkeypatch.setattr(place, name, _reached)
    return tmp_path


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _arguments(command: str, option: str, value: str) -> list[str]:
    base = list(BASE.get(command, []))
    if not option.startswith("-"):
        return [*command.split(), *(one for one in base if one.startswith("-")), value]
    if option in base:
        del base[base.index(option) : base.index(option) + 2]
    if option in ("--exchange", "--symbol") and "--file" in base:  # of stored markets instead
        del base[:2]
        base += ["--symbol", "BTC/USDT"] if option == "--exchange" else ["--exchange", "binance"]
    return [*command.split(), *base, f"{option}={value}"]


def _faults(ran: Ran, command: str, option: str, value: str, *, never: bool) -> list[str]:
    said = [line for line in ran.err.splitlines() if line.startswith("assay: ")]
    named = option.strip("-").replace("-", "_"), option.strip("-"), value.strip()[:40] or option
    about = ran.err + ran.out  # several files and markets: each with its own sentence in the result
    checks = {
        f"exit code {ran.code}": ran.code in (0, 2) or (ran.code, option) == (1, "--database"),
        "a bug": "bug in Assay" not in about and "Traceback" not in about,
        "sentences": ran.code == 0 or len(said) <= 1,
        "does not name it": ran.code == 0
        or any(
            word in about
            for word in (*named, "argument", "configuration", "strategy", "ID:", "FILE:", "NAME:", *PASSED)
        ),
        "accepted": not never or (ran.code == 2 and not any(words in about for words in PASSED)),
        "too long": len(about) < 2_500,
    }
    return [f"{command} {option} {value[:30]!r}: {what}: {about[:300]}" for what, holds in checks.items() if not holds]


def test_four_hundred_wrong_options(assay: Assay, world: Path) -> None:
    drawn = cases()
    assert len(drawn) >= CASES
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    faults: list[str] = []
    for command, option, value, never in drawn:
        there = _names(world)
        ran = assay(*_arguments(command, option, value))
        faults += _faults(ran, command, option, value, never=never)
        if ran.code == 2 and (new := _names(world) - there - {"home"}):
            faults.append(f"{command} {option} {value[:30]!r}: wrote {new}")
    assert not faults, f"{len(faults)} of {len(drawn)}:\n" + "\n".join(faults)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes"
    assert "holds no markets" in assay("data", "list").out
