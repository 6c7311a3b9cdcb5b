"""Panels, tiles and notices, of which the pages are made."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from nicegui import ui

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def panel(title: str, *, note: str = "", classes: str = "") -> Iterator[ui.element]:
    """Begin a panel under a heading; `note` explains it on hover."""
    with ui.element("section").classes(f"panel {classes}"):
        with ui.element("div").classes("panel-head"):
            heading = ui.label(title).props("role=heading aria-level=2").classes("panel-title")
            if note:
                explained(heading, note)
        with ui.element("div").classes("panel-body") as body:
            yield body


def explained(element: ui.element, text: str) -> ui.element:
    """Let an element explain itself: to a pointer that rests on it, to the keyboard, and to who hears the page."""
    element.classes("explained").props("tabindex=0").props["aria-description"] = text
    with element:
        ui.tooltip(text).classes("explanation")
    return element


def tile(label: str, value: str, *, note: str = "", tone: str = "") -> ui.label:
    """Show a number with its name; return the label of the number, which is updated in place.

    Parameters
    ----------
    tone : str
        ``good``, ``bad`` or nothing; the text says it too, by its sign.
    """
    with ui.element("div").classes("tile") as box:
        ui.label(label).classes("tile-label")
        shown = ui.label(value).classes(f"tile-value {tone}")
    if note:
        explained(box, note)
    return shown


def empty(title: str, text: str) -> ui.element:
    """Say that there is nothing to see, why, and what to do; return the place for what can be done."""
    with ui.element("div").classes("empty").props("role=status") as box:
        ui.label(title).classes("empty-title")
        ui.label(text).classes("empty-text")
    return box


def stage_badge(stage: str) -> ui.label:
    """Show the stage of a configuration."""
    return ui.label(stage).classes(f"stage stage-{stage}")
