"""From templates and values to a page: one file that loads nothing."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from assay.documents.explained import explained
from assay.lazy import lazy
from assay.reports import values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bokeh.models import Plot

    from assay.reports import embedding
else:  # Bokeh, for what is drawn
    embedding = lazy("assay.reports.embedding")

BEHAVIOUR = ("report.js", "candles.js", "downloads.js", "begin.js")


@cache
def _environment() -> Environment:
    """Return what renders the templates; one for all pages of a process, since they are compiled with it."""
    environment = Environment(
        loader=PackageLoader("assay.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = (values.text, values.plainly, values.short, values.yes_no, values.day, values.measured, explained)
    environment.filters |= {form.__name__: form for form in shown}
    return environment


def _embeddable(value: Any) -> Markup:
    """Return JSON that no name inside it can end the script of."""
    content = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        content = content.replace(character, f"\\u{ord(character):04x}")
    return Markup(content)  # noqa: S704  (what could be markup is escaped above)


def rendered(template: str, charts: Mapping[str, Plot], content: Mapping[str, Any], **shown: Any) -> str:
    """Return a page.

    Parameters
    ----------
    template : str
        Its file.
    charts : mapping of str to Plot
        By the name of their place.
    content : mapping
        JSON values that the page's own code reads, beside the charts.
    **shown
        What the template reads.
    """
    environment = _environment()

    def raw(name: str) -> Markup:
        source, _, _ = environment.loader.get_source(environment, name)  # type: ignore[union-attr]
        return Markup(source)  # noqa: S704  (the package's own file)

    drawn = embedding.embedded(charts) if charts else None
    return environment.get_template(template).render(
        **shown,
        charts=charts,
        style=raw("report.css"),
        behaviour=Markup("\n").join(raw(name) for name in BEHAVIOUR),
        bokeh=Markup(embedding.script()) if charts else None,  # noqa: S704  (a library's own code)
        content=_embeddable({"charts": drawn} | dict(content)),
    )
