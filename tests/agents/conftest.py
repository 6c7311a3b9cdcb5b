"""A market that was trained on twice, and a client of the server on a copy of its database."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from documentation import agents
from mcp import Client

from assay.agents.server import AgentServer
from assay.agents.state import AgentState
from assay.service.worker import Worker
from assay.store import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mcp.types import CallToolResult

    from assay.market import Bars

SECOND = {"permutations": 0, "optimization_params": {"parameter_grid": {"risk_reward_ratio": [2.0, 4.0]}}}


@dataclass(frozen=True, eq=False)
class Agent:
    """Calls tools of a server in this process."""

    state: AgentState

    def call(self, tool: str, *, on_progress: Any = None, **arguments: Any) -> CallToolResult:
        async def ask() -> CallToolResult:
            async with Client(AgentServer(self.state)) as client:
                return await client.call_tool(tool, arguments, progress_callback=on_progress)

        return asyncio.run(ask())

    def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = self.call(tool, **arguments)
        assert not answer.is_error, answer.content
        assert answer.structured_content is not None
        found: dict[str, Any] = answer.structured_content
        return found

    def error(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = self.call(tool, **arguments)
        assert answer.is_error
        found: dict[str, Any] = (answer.structured_content or {})["error"]
        assert set(found) == {"code", "message", "field", "rule", "value", "hint"}
        return found

    def worked(self, job: str) -> dict[str, Any]:
        """Let a worker do a training, and return its results."""
        Worker(self.state.database, job).run()
        return self("training_results", job=job)


@dataclass(frozen=True)
class Twice:
    """A database in which a market was trained on twice, and the ids of what was made."""

    content: bytes
    jobs: tuple[str, str]
    configurations: tuple[str, str]


def twice_trained(folder: Path, template: bytes, bars: Bars) -> Twice:
    (folder / "made.db").write_bytes(template)
    database = Database.open(folder / "made.db", upgrade=False)
    agents.store(database, bars)
    agent = Agent(AgentState(database, "somebody", offline=True))
    first = agent("start_training", training=agents.TRAINING)["job"]
    found = [agent.worked(first)]
    time.sleep(1.0)  # documents tell the second: that the two are of different ones is no difference between databases
    second = agent("retrain", job=first, changes=SECOND)["job"]
    found.append(agent.worked(second))
    database.close()
    one, two = (results["results"][0]["config_id"] for results in found)
    return Twice((folder / "made.db").read_bytes(), (first, second), (one, two))


@pytest.fixture(scope="module")
def bars() -> Bars:
    return agents.bars()


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes, bars: Bars) -> Twice:
    return twice_trained(tmp_path_factory.mktemp("twice"), sqlite_template, bars)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[bytes], Agent]]:
    """Return an agent on a database of some content."""
    databases: list[Database] = []

    def made(content: bytes) -> Agent:
        path = tmp_path / f"{len(databases)}.db"
        path.write_bytes(content)
        databases.append(Database.open(path, upgrade=False))
        return Agent(AgentState(databases[-1], "me", offline=True))

    yield made
    for database in databases:
        database.close()


@pytest.fixture
def agent(opened: Callable[[bytes], Agent], twice: Twice) -> Agent:
    return opened(twice.content)
