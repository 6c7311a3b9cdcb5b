"""Questions before something is done that cannot be taken back."""

from __future__ import annotations

from nicegui import ui


async def confirmed(title: str, text: str, yes: str, no: str = "Keep it") -> bool:
    """Ask whether something is to be done; return the answer, no where the question is closed."""
    with ui.dialog() as dialog, ui.card().classes("asking"):
        ui.label(title).classes("empty-title")
        if text:
            ui.label(text).classes("empty-text")
        with ui.element("div").classes("row"):
            ui.button(no, on_click=lambda: dialog.submit("")).props("flat autofocus")
            ui.element("div").classes("grow")
            ui.button(yes, on_click=lambda: dialog.submit(yes)).props("unelevated color=negative")
    answer = bool(await dialog)
    dialog.delete()
    return answer
