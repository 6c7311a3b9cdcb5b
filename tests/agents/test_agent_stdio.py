"""`assay mcp` as a process of its own, and the official client: the session of docs/agents.md."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from benchmarks.report import marks
from documentation import agents
from mcp import Client, StdioServerParameters

import assay
from assay.agents.server import AgentServer
from assay.agents.state import AgentState
from assay.agents.stdio import serve_streams
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

    strange: list[object] = []

    async def hear(message: object) -> None:
        if isinstance(message, Exception):  # a line that is not the protocol's
            strange.append(message)

    async def had() -> list[agents.Step]:
        served = parameters(path, "--workers", "1", "--log-file", str(log))
        async with Client(served, message_handler=hear) as client:
            return await agents.Session(client, wait).run()

    steps = asyncio.run(had())
    assert not strange
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


def test_lines_that_are_no_json_are_answered_and_the_end_of_stdin_ends_it(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b'no json\n{"jsonrpc": "2.0", "id": 1, "method": "nothing"}\n\xff\xfe')
    database = Database.open(tmp_path / "assay.db")
    served = AgentServer(AgentState(database, agents.USER, offline=True))
    with (tmp_path / "in").open() as stdin, (tmp_path / "out").open("w") as stdout:
        serve_streams(served, stdin, stdout)
    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [line["id"] for line in lines if "error" in line] == [1]
    assert {line["jsonrpc"] for line in lines} == {"2.0"}
    database.close()
