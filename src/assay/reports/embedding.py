"""From Bokeh models to what a page embeds: the same bytes for the same charts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bokeh.document import Document
from bokeh.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bokeh.models import Plot

_NUMBERED = re.compile(r"p\d+")


def script() -> str:
    """Return Bokeh's own code: without widgets, tables, WebGL and mathematics, which no chart needs."""
    code, *_ = Resources(mode="inline", components=["bokeh"]).js_raw  # what follows speaks to the console
    return code


def embedded(charts: Mapping[str, Plot]) -> dict[str, Any]:
    """Return the arguments of ``Bokeh.embed.embed_items`` that draw each chart into the element of its name."""
    document = Document(title="")
    with document.models.freeze():  # all models are gathered once, not again for each chart
        for plot in charts.values():
            document.add_root(plot)
    content = _numbered(document.to_json(deferred=False), {})
    places = {root["id"]: f"chart-{name}" for root, name in zip(content["roots"], charts, strict=True)}
    return {"documents": {"report": content}, "items": [{"docid": "report", "roots": places, "root_ids": [*places]}]}


def _numbered(value: Any, ids: dict[str, str]) -> Any:
    """Return a tree with its models numbered from 0: Bokeh counts those of the whole process."""
    if isinstance(value, dict):
        return {
            k: ids.setdefault(v, f"m{len(ids)}")
            if k == "id" and isinstance(v, str) and _NUMBERED.fullmatch(v)
            else _numbered(v, ids)
            for k, v in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_numbered(v, ids) for v in value]
    return value
