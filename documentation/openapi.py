"""The OpenAPI document of the HTTP API, and its routes as tables."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.report import Row, Table, markdown

from assay.api.app import create_app
from assay.api.settings import Settings
from assay.store import Database

SUCCESS = 300
"""Statuses below it are no errors."""


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document; no database is opened for it."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "never.db", upgrade=False)
        found: dict[str, Any] = create_app(database, Settings()).openapi()
        database.close()
    return found


def openapi_json() -> str:
    """Return the document as a file holds it."""
    return json.dumps(document(), indent=2, sort_keys=True) + "\n"


def routes() -> str:
    """Return every route by its subject: method and path, what it does, what it answers."""
    tables: dict[str, list[Row]] = {}
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            subject = operation.get("tags", ["others"])[0]
            row: Row = {
                "route": f"`{method.upper()} {path}`",
                "what it does": operation.get("description", operation["summary"]).split("\n")[0],
                "answers": ", ".join(_kinds(operation)),
                "errors": ", ".join(sorted(s for s in operation["responses"] if int(s) >= SUCCESS + 100)),
            }
            tables.setdefault(subject, []).append(row)
    return "\n\n".join(markdown(Table(subject, rows)) for subject, rows in tables.items())


def _kinds(operation: dict[str, Any]) -> list[str]:
    """Return the media types of a route's results; nothing for one without content."""
    known = {"application/json": "JSON", "text/csv": "CSV", "text/html": "HTML", "text/event-stream": "events"}
    results = [answer for status, answer in operation["responses"].items() if int(status) < SUCCESS]
    kinds = [kind for answer in results for kind in answer.get("content", {})]
    return [known.get(kind, "Arrow" if "arrow" in kind else kind) for kind in kinds]
