"""The tables that pages of docs/ take from the code, each between two marks, and the schema of the document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.report import marks, placed

from assay.agents.server import TOOLS
from assay.documents.configuration import json_schema
from assay.engine import glossary
from assay.search import SAMPLERS
from assay.sources.bar_files.dialects import DIALECTS
from assay.store import fields
from assay.training.circuit_breakers import CIRCUIT_BREAKERS, MEANINGS, PORTFOLIO_BREAKERS
from documentation.captures import captures
from documentation.openapi import openapi_json, routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Part:
    """A made part of a page.

    Attributes
    ----------
    page : str
        A file of docs/.
    mark : str
        The name of the marks around it.
    make : callable
        Returns its text.
    """

    page: str
    mark: str
    make: Callable[[], str]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def methods() -> str:
    """Return the methods of a search."""
    named = {"grid": "`auto`, `grid`"}  # a search without a method is a grid
    rows = [(named.get(n, f"`{n}`"), s.about, "" if s.budget is None else s.budget) for n, s in SAMPLERS.items()]
    return table(("`--method`", "what it tries", "`--samples`"), rows)


def circuit_breakers() -> str:
    """Return the limits of a configuration, stages with equal ones together, and those over all of them."""
    stages: dict[tuple[float, ...], list[str]] = {}
    for stage, limits in CIRCUIT_BREAKERS.items():
        stages.setdefault(tuple(limits.values()), []).append(stage)
    head = ("limit", "unit", "meaning")
    names = next(iter(CIRCUIT_BREAKERS.values()))
    own = [(f"`{name}`", *MEANINGS[name], *(row[i] for row in stages)) for i, name in enumerate(names)]
    over_all = [(f"`{name}`", *MEANINGS[name], value) for name, value in PORTFOLIO_BREAKERS.items()]
    return f"{table((*head, *map(', '.join, stages.values())), own)}\n\n{table((*head, 'value'), over_all)}"


def formats() -> str:
    """Return the formats of bar files, how each is recognised and what it says of its bars."""
    rows = []
    for one in DIALECTS:
        shown = [f"columns {', '.join(one.header)}"] if one.header else []
        shown += [f"rows of {', '.join(name or '-' for name in one.layout)}"] if one.layout else []
        shown += ["separated by `;`"] if one.delimiter else []
        said = [f"exchange {one.exchange}"] if one.exchange else []
        said += [f"times in {one.timezone}"] if one.timezone != "UTC" else []
        said += ["times are ends of bars"] if one.bar_end else []
        said += [f"{field} is `{name}`" for field, name in one.columns]
        rows.append((one.name, "; ".join(shown), "yes" if one.file_name else "", "; ".join(said)))
    return table(("format", "recognised by", "and by its file's name", "what that says"), rows)


def tools() -> str:
    """Return the tools for agents: what each does, and which of them count as tries."""
    rows = []
    for spec in TOOLS:
        about = " ".join(spec.description.split("\n\n")[0].split())
        names = ", ".join(f"`{name}`" for name in spec.made().parameters["properties"])
        rows.append((f"`{spec.name}`", about, names, "yes" if spec.counts else ""))
    return table(("tool", "what it does", "takes", "a try"), rows)


def schema() -> str:
    """Return the JSON schema of the V3 document."""
    return json.dumps(json_schema(), indent=2) + "\n"


PARTS = (
    Part("measures.md", "measures", glossary.markdown),
    Part("registry.md", "circuit breakers", circuit_breakers),
    Part("registry.md", "fields", fields.markdown),
    Part("configuration.md", "methods", methods),
    Part("command-line.md", "listings", captures),
    Part("formats.md", "formats", formats),
    Part("api.md", "routes", routes),
    Part("agents.md", "tools", tools),
)
FILES: dict[str, Callable[[], str]] = {"configuration-v3.schema.json": schema, "openapi.json": openapi_json}


def filled(docs: Path, parts: Iterable[Part]) -> dict[Path, str]:
    """Return the text that every page with such a part should have, by its file.

    Raises
    ------
    ValueError
        When a page lacks the marks of a part.
    """
    made: dict[Path, str] = {}
    for part in parts:
        path = docs / part.page
        text = made.get(path) or path.read_text()
        if not all(mark in text for mark in marks(part.mark)):
            raise ValueError(f"{part.page} lacks the marks {' and '.join(marks(part.mark))}")
        made[path] = placed(text, part.make().rstrip("\n") + "\n", part.mark)
    return made


def made_tables(docs: Path) -> dict[Path, str]:
    """Return what the code alone says, by the file in which it stands."""
    return filled(docs, PARTS) | {docs / name: make() for name, make in FILES.items()}
