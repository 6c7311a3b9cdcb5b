"""`assay mcp` as a process of its own, and the official client: the session of docs/agents.md."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.report import marks
from documentation import agents
from mcp import Client, StdioServerParameters

import assay
from assay.store import Database
from assay.store.ledger import Ledger

PAGE = Path(__file__).resolve().parents[2] / "docs" / agents.PAGE
SOURCES = Path(assay.__file__).resolve().parents[1]


def parameters(database: Path, *options: str) -> StdioServerParameters:
    arguments = ["-m", "assay", "mcp", "--database", str(database), "--offline", "--user", agents.USER, *options]
    passed = {name: value for name, value in os.environ.items() if name.startswith(("ASSAY_", "NUMBA_"))}
    env = {**passed, "PYTHONPATH": str(SOURCES), "PYTHONUNBUFFERED": "1"}
    return StdioServerParameters(command=sys.executable, args=arguments, env=env)


def test_the_session_of_the_page(tmp_path: Path, sqlite_template: bytes) -> None:
    path, log = tmp_path / "assay.db", tmp_path / "log"
    path.write_bytes(sqlite_template)
    database = Database.open(path, upgrade=False)
    agents.store(database, agents.bars())

    async def wait(_: str) -> None:
        """The worker beside the server does it; the session waits by a tool."""

    async def had() -> list[agents.Step]:
        async with Client(parameters(path, "--workers", "1", "--log-file", str(log))) as client:
            return await agents.Session(client, wait).run()

    steps = asyncio.run(had())
    begin, end = marks(agents.MARK)
    page = PAGE.read_text().split(begin)[1].split(end)[0].strip("\n")
    assert agents.page_part(steps) == page, "write it anew: python -m documentation.agents"
    first, again = (
        step.content
        for step in steps
        if step.tool == "verdict" and step.arguments["config_id"] in str(steps[4].arguments)
    )
    assert (first["stage"], again["stage"]) == ("VALIDATION", "PAPER")
    assert again["tries"]["tries"] == first["tries"]["tries"] + 1
    assert again["tries"]["p_adjusted"] > first["tries"]["p_adjusted"]
    assert {entry["user_id"] for entry in Ledger(database).entries()} == {agents.USER}
    database.close()
    assert '"logger": "assay.worker"' in log.read_text()


def test_stdout_is_the_protocols_alone_and_the_end_of_stdin_ends_it(tmp_path: Path, sqlite_template: bytes) -> None:
    path = tmp_path / "assay.db"
    path.write_bytes(sqlite_template)
    given = parameters(path, "--workers", "0", "--log-level", "debug")
    broken = b'no json\n{"jsonrpc": "2.0", "id": 1, "method": "nothing"}\n\xff\xfe\n'
    ran = subprocess.run(
        [given.command, *given.args], input=broken, capture_output=True, env=os.environ | (given.env or {}),
        timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines
    assert all(line.startswith(b"{") and b'"jsonrpc":"2.0"' in line for line in lines)
    assert b"Traceback" not in ran.stderr
