"""Saved forms: what a visitor trains again and again, by the same store and rules as the API's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from nicegui import ui
from pydantic import ValidationError

from assay.api.models.forms import FormBody
from assay.errors import AssayError, InputError
from assay.store.database import now_ms
from assay.store.forms import MAX_FORMS, Form, Forms
from assay.store.schema import Role
from assay.studio import addresses
from assay.studio.addresses import address
from assay.studio.dialogs import confirmed
from assay.studio.panels import empty
from assay.studio.values import moment
from assay.studio.visit import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.studio.visit import Visit


def forms_of(visit: Visit) -> Forms:
    """Return the forms of a visitor: those of others are not there."""
    return Forms(visit.database, visit.caller.id or visit.caller.name)


def checked(name: str, config: Mapping[str, Any]) -> FormBody:
    """Return a form that can be stored.

    Raises
    ------
    InputError
        When its name or its size is not as the API asks.
    """
    try:
        return FormBody(name=name.strip(), config=dict(config))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(field, str(first["msg"]).removeprefix("Value error, ")) from None


class SavedForms:
    """The list of saved forms, and saving.

    Parameters
    ----------
    visit : Visit
    terms : callable
        What the form says now.
    saved : callable
        Called with the form that was saved or whose name was changed.
    """

    def __init__(
        self, visit: Visit, terms: Callable[[], Mapping[str, Any]], saved: Callable[[Form | None], None]
    ) -> None:
        self._visit, self._terms, self._saved = visit, terms, saved
        self.current: Form | None = None
        self._place = ui.element("div").classes("saved-forms")

    async def refresh(self) -> None:
        """Read the list anew."""
        forms = await self._visit.read(forms_of(self._visit).page, MAX_FORMS)
        self._place.clear()
        with self._place:
            if not forms:
                empty("No saved form yet", "Save Configuration keeps what the form says under a name.")
            for form in forms:
                self._row(form)

    def _row(self, form: Form) -> None:
        is_current = self.current is not None and self.current.id == form.id
        with ui.element("div").classes("saved-form" + (" here" if is_current else "")):
            link = ui.link(form.name, address(addresses.TRAIN, form=form.id)).classes("grow")
            link.props["aria-label"] = f"Load {form.name}"
            ui.label(moment(form.updated_at)).classes("muted small")
            if not self._visit.may(Role.TRADER):
                return
            for words, icon, work in (("Rename", "edit", self._rename), ("Delete", "delete", self._delete)):
                button = ui.button(icon=icon, on_click=partial(work, form)).props("flat dense round size=sm")
                button.props["aria-label"] = f"{words} {form.name}"
                button.tooltip(words)

    async def save(self) -> None:
        """Ask for a name and save; the form that was loaded can be overwritten."""
        with ui.dialog() as dialog, ui.card().classes("asking"):
            ui.label("Save Configuration").classes("empty-title")
            name = ui.input("Name", value="" if self.current is None else self.current.name)
            name.props("outlined dense autofocus maxlength=100").classes("wide")
            with ui.element("div").classes("row"):
                ui.button("Cancel", on_click=lambda: dialog.submit(None)).props("flat")
                ui.element("div").classes("grow")
                if self.current is not None:
                    ui.button("Overwrite", on_click=lambda: dialog.submit("overwrite")).props("outline")
                ui.button("Save as new", on_click=lambda: dialog.submit("new")).props("unelevated")
        name.on("keydown.enter", lambda: dialog.submit("overwrite" if self._is_name(name.value) else "new"))
        how = await dialog
        dialog.delete()
        if how is not None:
            await self._store(str(name.value or ""), overwritten=self.current if how == "overwrite" else None)

    def _is_name(self, text: object) -> bool:
        return self.current is not None and str(text or "").strip() == self.current.name

    async def _store(self, name: str, *, overwritten: Form | None) -> None:
        forms = forms_of(self._visit)

        def work() -> Form:
            body = checked(name, self._terms())
            if overwritten is None:
                return forms.add(body.name, body.config, at_ms=now_ms())
            return forms.change(overwritten.id, body.name, body.config, at_ms=now_ms())

        try:
            self.current = await self._visit.change("studio: save form", Role.TRADER, work)
        except AssayError as error:
            say(error)
            return
        ui.notify(f"Saved as “{self.current.name}”.", type="positive", position="top")
        self._saved(self.current)
        await self.refresh()

    async def _rename(self, form: Form) -> None:
        with ui.dialog() as dialog, ui.card().classes("asking"):
            ui.label(f"Rename “{form.name}”").classes("empty-title")
            name = ui.input("New name", value=form.name).props("outlined dense autofocus maxlength=100").classes("wide")
            name.on("keydown.enter", lambda: dialog.submit(name.value))
            with ui.element("div").classes("row"):
                ui.button("Cancel", on_click=lambda: dialog.submit(None)).props("flat")
                ui.element("div").classes("grow")
                ui.button("Rename", on_click=lambda: dialog.submit(name.value)).props("unelevated")
        new = await dialog
        dialog.delete()
        if new is None:
            return
        forms = forms_of(self._visit)

        def work() -> Form:
            kept = forms.get(form.id)
            return forms.change(form.id, checked(str(new), kept.config).name, kept.config, at_ms=now_ms())

        await self._changed("studio: rename form", work, form)

    async def _delete(self, form: Form) -> None:
        if not await confirmed(f"Delete “{form.name}”?", "The saved form is gone then; trainings stay.", "Delete"):
            return
        forms = forms_of(self._visit)
        await self._changed("studio: delete form", lambda: forms.delete(form.id), form)

    async def _changed(self, action: str, work: Callable[[], Form | None], form: Form) -> None:
        try:
            found = await self._visit.change(action, Role.TRADER, work, form.id)
        except AssayError as error:
            say(error)
            return
        if self.current is not None and self.current.id == form.id:
            self.current = found
            self._saved(found)
        await self.refresh()
