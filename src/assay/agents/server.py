"""The server: its tools, and what becomes of their errors."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc
from typing import Any
from uuid import uuid4

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.message import SessionMessage
from mcp.types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import ValidationError

from assay._version import __version__
from assay.agents.instructions import INSTRUCTIONS
from assay.agents.state import AgentState
from assay.agents.tools import configurations, ledger, markets, trainings
from assay.errors import AssayError, InputError, NotFoundError, near_name
from assay.service.error_facts import error_facts, facts_of, invalid_facts

LOG = logging.getLogger("assay.agents")


@dataclass(frozen=True)
class ToolSpec:
    """A tool.

    Attributes
    ----------
    function : callable
        Its name is the tool's, its docstring what a program is told.
    title : str
    counts : bool
        Whether a call is a try, which is written into the ledger.
    changes : bool
        Whether it changes anything at all.
    """

    function: Callable[..., Any]
    title: str
    counts: bool = False
    changes: bool = False

    @property
    def name(self) -> str:
        """How it is called."""
        return self.function.__name__

    @property
    def description(self) -> str:
        """What a program is told."""
        return cleandoc(self.function.__doc__ or "")

    def made(self) -> Tool:
        """Return the tool, which takes no argument that it does not name."""
        hints = ToolAnnotations(
            read_only_hint=not self.changes,
            destructive_hint=self.function is trainings.cancel_training,
            idempotent_hint=not self.counts,
            open_world_hint=self.counts,  # bars may be fetched from an exchange
        )
        tool = Tool.from_function(
            self.function, title=self.title, description=self.description, annotations=hints, structured_output=True
        )
        tool.parameters["additionalProperties"] = False
        return tool


TOOLS = (
    ToolSpec(markets.list_markets, "Stored markets"),
    ToolSpec(markets.market_quality, "Quality of a market's bars"),
    ToolSpec(markets.list_strategies, "Strategies"),
    ToolSpec(markets.describe_strategy, "A strategy's parameters and rules"),
    ToolSpec(ledger.campaign, "What was tried on a market's days"),
    ToolSpec(ledger.estimate_training, "What a training would take and cost"),
    ToolSpec(trainings.start_training, "Start a training", counts=True, changes=True),
    ToolSpec(trainings.retrain, "Repeat a training with changes", counts=True, changes=True),
    ToolSpec(trainings.training_status, "How far a training is"),
    ToolSpec(trainings.cancel_training, "End a training", changes=True),
    ToolSpec(trainings.list_trainings, "Trainings"),
    ToolSpec(trainings.training_results, "What a training found"),
    ToolSpec(configurations.verdict, "How far a result may be believed"),
    ToolSpec(configurations.funnel, "Where signals are lost"),
    ToolSpec(configurations.compare_configurations, "In what results differ"),
)
"""Every tool, in the order of use. None of them judges parameters of its caller's choice unless that is a try."""


@cache
def made_tools() -> tuple[Tool, ...]:
    """Return every tool, made once in a process."""
    return tuple(spec.made() for spec in TOOLS)


class AgentServer(MCPServer[AgentState]):
    """A server whose answers begin with plain words, and whose errors have one shape.

    Parameters
    ----------
    state : AgentState
    """

    def __init__(self, state: AgentState) -> None:
        @asynccontextmanager
        async def lifespan(_: MCPServer[AgentState]) -> AsyncIterator[AgentState]:
            yield state

        super().__init__(
            "assay",
            title="Assay",
            version=__version__,
            instructions=INSTRUCTIONS,
            tools=list(made_tools()),
            lifespan=lifespan,
            log_level="WARNING",  # it adds a handler for people where nobody has set any
        )
        self._arguments = {tool.name: tuple(tool.parameters["properties"]) for tool in made_tools()}

    async def serve(
        self, read_stream: ReadStream[SessionMessage | Exception], write_stream: WriteStream[SessionMessage]
    ) -> None:
        """Serve one client until it closes its side."""
        low = self._lowlevel_server
        await low.run(read_stream, write_stream, low.create_initialization_options())

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[AgentState, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; whatever goes wrong is an answer that says it is an error."""
        try:
            self._check(name, arguments)
            answer = await super().call_tool(name, arguments, context)
        except AssayError as error:
            return failed(error_facts(error))
        except ToolError as error:
            return failed(_facts(name, error))
        return answer if isinstance(answer, InputRequiredResult) else _in_words(answer)

    def _check(self, name: str, arguments: dict[str, Any]) -> None:
        """Refuse a tool and arguments that are not known: an argument that is misspelt must not count as left out."""
        if name not in self._arguments:
            raise NotFoundError("tool", "there is none of this name", name, near_name(name, self._arguments))
        for one in arguments:
            if one not in self._arguments[name]:
                raise InputError(one, f"is no argument of {name}", hint=near_name(one, self._arguments[name]))


def _in_words(answer: CallToolResult) -> CallToolResult:
    """Return an answer whose first text is its summary and whose second is all of it, for clients that read texts."""
    content = answer.structured_content or {}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(
        content=[TextContent(type="text", text=content["summary"]), TextContent(type="text", text=text)],
        structured_content=content,
    )


def failed(facts: dict[str, Any]) -> CallToolResult:
    """Return an error as an answer."""
    body = {"error": facts}
    text = json.dumps(body, ensure_ascii=False, allow_nan=False)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=body, is_error=True)


def _facts(name: str, error: ToolError) -> dict[str, Any]:
    """Return what went wrong in a tool: what its arguments lack, an error of the package, or a bug by its number."""
    cause = error.__cause__
    if isinstance(cause, AssayError):
        return error_facts(cause)
    if isinstance(cause, ValidationError) and cause.title.endswith("Arguments"):
        return invalid_facts(cause.errors(include_url=False))
    number = uuid4().hex[:12]
    LOG.error("incident %s: tool %s", number, name, exc_info=cause or error)
    message = "this is a bug in Assay; the log has it under the number in `value`"
    return facts_of("internal_error", message, field="incident", value=number)
