"""Saved forms: what a user trains again and again; each is its owner's alone."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from assay.api.access import Caller, Trader, Viewer
from assay.api.declared import BODY, declared
from assay.api.models.common import NAME
from assay.api.models.forms import FormAnswer, FormBody
from assay.api.paging import Cursor, Limit, Page, decode_cursor, page_of
from assay.api.state import Opened
from assay.api.turns import short
from assay.service.times import iso_time
from assay.store import Database
from assay.store.database import now_ms
from assay.store.forms import Form, Forms

router = APIRouter(prefix="/training/forms", tags=["forms"])

FormId = Annotated[str, Path(max_length=36, pattern=NAME, description="Of a form.")]


def _forms(database: Database, caller: Caller) -> Forms:
    return Forms(database, caller.id or caller.name)


def _answer(form: Form) -> FormAnswer:
    moments = {"created_at": iso_time(form.created_at), "updated_at": iso_time(form.updated_at)}
    return FormAnswer(id=form.id, name=form.name, config=dict(form.config), **moments)


@router.get("", operation_id="listForms", responses=declared())
@short
def list_forms(caller: Viewer, database: Opened, limit: Limit = 50, cursor: Cursor = None) -> Page[FormAnswer]:
    """List your saved forms by name."""
    place: Any = decode_cursor(cursor, str, str)
    found = _forms(database, caller).page(limit + 1, place)
    return page_of(found, limit, lambda form: (form.name, form.id), _answer)


@router.post(
    "",
    operation_id="saveForm",
    status_code=HTTPStatus.CREATED,
    responses=declared(HTTPStatus.CONFLICT, *BODY),
)
def save_form(caller: Trader, database: Opened, body: FormBody, response: Response) -> FormAnswer:
    """Save a form under a name that none of your others has."""
    form = _forms(database, caller).add(body.name, body.config, at_ms=now_ms())
    response.headers["Location"] = f"/api/training/forms/{form.id}"
    return _answer(form)


@router.get("/{form_id}", operation_id="showForm", responses=declared(HTTPStatus.NOT_FOUND))
@short
def show_form(caller: Viewer, database: Opened, form_id: FormId) -> FormAnswer:
    """Show one of your forms."""
    return _answer(_forms(database, caller).get(form_id))


@router.put(
    "/{form_id}", operation_id="changeForm", responses=declared(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, *BODY)
)
def change_form(
    caller: Trader,
    database: Opened,
    form_id: FormId,
    body: FormBody,
) -> FormAnswer:
    """Save one of your forms anew."""
    return _answer(_forms(database, caller).change(form_id, body.name, body.config, at_ms=now_ms()))


@router.delete(
    "/{form_id}",
    operation_id="deleteForm",
    status_code=HTTPStatus.NO_CONTENT,
    responses=declared(HTTPStatus.NOT_FOUND),
)
def delete_form(caller: Trader, database: Opened, form_id: FormId) -> None:
    """Delete one of your forms."""
    _forms(database, caller).delete(form_id)
