"""The session of a client with the server in docs/agents.md, which takes longer than what `documentation` makes.

    python -m documentation.agents [--docs docs]

writes the session: two small trainings on a simulated market. A test has the same session with the command itself, as a
process of its own, and compares it with the page.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import textwrap
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import say
from mcp import Client

from assay.agents.server import AgentServer
from assay.agents.state import AgentState
from assay.service.worker import Worker
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database
from assay.store.bars import present
from documentation.tables import Part, filled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from assay.market import Bars

ROOT = Path(__file__).resolve().parents[1]
PAGE, MARK = "agents.md", "session"
WIDTH = 118
USER = "agent"

MARKET = {"exchange": "sim", "symbol": "EDGE/USDT", "timeframe": "5m"}
TRAINING: dict[str, Any] = {
    "strategy": "LIQUIDITY_SWEEP",
    "pairs": ["EDGE/USDT"],
    "exchanges": ["sim"],
    "timeframes": ["5m"],
    "optimization_params": {"parameter_grid": {"atr_multiplier_sl": [2.0, 3.0], "risk_reward_ratio": [3.0, 4.0]}},
    "validation_params": {"train_period_days": 40, "test_period_days": 20},
    "fee": 0.0,
    "slippage": 0.0,
    "evidence": "quick",
}
MISSPELT = {"optimization_params": {"parameter_grid": {"key_level_lookbak": [50, 200]}}}
CHANGES = {
    "optimization_params": {"parameter_grid": {"key_level_lookback": [50, 200], "volume_spike_threshold": [1.0, 1.5]}}
}


def bars() -> Bars:
    """Return a small market with a planted edge that is barely found."""
    made = simulate_market(SimulatedMarket(days=100, timeframe="5m", seed=3, edge_r=0.3, round_trip=0.0))
    return replace(made, market=replace(made.market, exchange="sim", symbol="EDGE/USDT"))


def store(database: Database, given: Bars) -> None:
    """Store a market's bars."""
    BarStore(database).write(given.market, present(given), source="simulated", at_ms=1, covered=given.span_ms)


@dataclass(frozen=True)
class Step:
    """A call and its answer.

    Attributes
    ----------
    why : str
        Said before it.
    tool : str
    arguments, content : dict
    """

    why: str
    tool: str
    arguments: dict[str, Any]
    content: dict[str, Any]

    @property
    def words(self) -> str:
        """What was answered in plain words."""
        said = self.content.get("summary") or json.dumps(self.content)
        return str(said)


class Session:
    """A client that trains, reads the verdict, tries again, and looks at the first result once more.

    Parameters
    ----------
    client : Client
    work : callable
        Does what workers do, for a training.
    """

    def __init__(self, client: Client, work: Callable[[str], Awaitable[None]]) -> None:
        self._client, self._work = client, work
        self.steps: list[Step] = []

    async def ask(self, why: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool and write it down."""
        answer = await self._client.call_tool(tool, arguments)
        content: dict[str, Any] = answer.structured_content or {}
        self.steps.append(Step(why, tool, arguments, content))
        return content

    async def trained(self, job: str) -> str:
        """Wait for a training; return the configuration that it found."""
        await self._work(job)
        done = await self.ask("Wait for its end:", "training_status", job=job, wait_s=300)
        while done["status"] in {"pending", "running"}:  # kernels are compiled on a machine that has much else to do
            self.steps.pop()
            done = await self.ask("Wait for its end:", "training_status", job=job, wait_s=300)
        return str(done["tasks"][0]["config_id"])

    async def run(self) -> list[Step]:
        """Have the whole session."""
        await self.ask("What is there?", "list_markets")
        await self.ask("What was tried on its days, and what does a try cost?", "campaign", **MARKET, permutations=39)
        began = await self.ask("A first training:", "start_training", training=TRAINING)
        first = await self.trained(began["job"])
        await self.ask("How far may it be believed?", "verdict", config_id=first)
        await self.ask("A second one searches other parameters; a name is misspelt:", "retrain", job=began["job"],
                       changes=MISSPELT)  # fmt: skip
        again = await self.ask("As it is meant:", "retrain", job=began["job"], changes=CHANGES)
        second = await self.trained(again["job"])
        await self.ask("What is the second one worth?", "verdict", config_id=second)
        await self.ask("And the first one, now that there were two tries?", "verdict", config_id=first)
        return self.steps


def written(steps: list[Step]) -> str:
    """Return a session as it stands in the page: ids by their order, everything else as it was."""
    names: dict[str, str] = {}
    lines: list[str] = []
    for step in steps:
        for kind in ("job", "config_id"):
            for found in re.findall(rf'"{kind}": "([^"]+)"', json.dumps(step.content)):
                names.setdefault(found, f"{kind.removesuffix('_id').upper()}-{_number(names, kind)}")
        lines += [step.why, "", "```text", *_wrapped(f"> {step.tool} {json.dumps(step.arguments)}")]
        lines += _wrapped(step.words)
        if step.tool == "verdict":
            lines += _wrapped(
                f"tries: {json.dumps({k: v for k, v in step.content['tries'].items() if k != 'meaning'})}"
            )
        lines += ["```", ""]
    text = "\n".join(lines)
    for found, name in names.items():
        text = text.replace(found, name)
    return text


def _number(names: dict[str, str], kind: str) -> int:
    return 1 + sum(name.startswith(kind.removesuffix("_id").upper()) for name in names.values())


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _waiting_is_said_alike(step: Step) -> Step:
    """Return a step without how many workers there were just then."""
    if step.tool in {"start_training", "retrain"} and "job" in step.content:
        return replace(step, content=step.content | {"summary": "The training waits for a worker, 0 of 1 task done."})
    return step


def page_part(steps: list[Step]) -> str:
    """Return the session of the page."""
    return written([_waiting_is_said_alike(step) for step in steps]).rstrip("\n")


def had_here() -> list[Step]:
    """Have the session inside of this process."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "assay.db")
        try:
            store(database, bars())
            return asyncio.run(_here(database))
        finally:
            database.close()


async def _here(database: Database) -> list[Step]:
    async def work(job: str) -> None:
        await asyncio.to_thread(Worker(database, job).run)

    async with Client(AgentServer(AgentState(database, USER, offline=True))) as client:
        return await Session(client, work).run()


def main(given: list[str] | None = None) -> int:
    """Write the session into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    docs = parser.parse_args(given).docs
    for path, text in filled(docs, [Part(PAGE, MARK, partial(page_part, had_here()))]).items():
        if path.read_text() != text:
            say(f"{path.name} is new")
            path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
