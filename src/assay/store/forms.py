"""Saved forms: what a user trains again and again, under a name (table `training_configurations`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa

from assay.errors import ConflictError, NotFoundError
from assay.store import schema
from assay.store.database import insert
from assay.store.keyset import after, order_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.store.database import Database

TABLE = schema.training_configurations

MAX_FORMS = 1_000
"""Forms of one user."""


@dataclass(frozen=True)
class Form:
    """A saved form.

    Attributes
    ----------
    id, name : str
    config : mapping
        What it says, as plain JSON values.
    created_at, updated_at : int
        Milliseconds UTC.
    """

    id: str
    name: str
    config: Mapping[str, Any]
    created_at: int
    updated_at: int


class Forms:
    """The forms of one user: those of others are not there.

    Parameters
    ----------
    database : Database
    owner : str
        Whose they are.
    """

    def __init__(self, database: Database, owner: str) -> None:
        self.database, self.owner = database, owner

    def page(self, limit: int, place: tuple[str, str] | None = None) -> list[Form]:
        """Return a page of the forms by name, after the name and the id of the row before it."""
        keys = ((TABLE.c.name, False), (TABLE.c.id, False))
        query = sa.select(TABLE).where(TABLE.c.user_id == self.owner).order_by(*order_of(keys)).limit(limit)
        query = query if place is None else query.where(after(keys, place))
        return self.database.read(lambda c: [_form(row) for row in c.execute(query)])

    def get(self, form_id: str) -> Form:
        """Return a form.

        Raises
        ------
        NotFoundError
            When this user has none of this id.
        """
        return self.database.read(lambda c: _form(self._row(c, form_id)))

    def add(self, name: str, config: Mapping[str, Any], *, at_ms: int) -> Form:
        """Save a new form.

        Raises
        ------
        ConflictError
            When the user has one of this name, or too many.
        """
        form = Form(str(uuid4()), name, config, at_ms, at_ms)

        def work(c: sa.Connection) -> Form:
            count = sa.select(sa.func.count()).where(TABLE.c.user_id == self.owner)
            if c.execute(count).scalar_one() >= MAX_FORMS:
                raise ConflictError("forms", f"must be at most {MAX_FORMS:,} of a user", hint="Delete one first")
            values = {**vars(form), "config": dict(config), "user_id": self.owner}
            c.execute(insert(c, TABLE).values(**values).on_conflict_do_nothing())
            if self._named(c, name) != form.id:
                raise _taken(name)
            return form

        return self.database.write(work)

    def change(self, form_id: str, name: str, config: Mapping[str, Any], *, at_ms: int) -> Form:
        """Save a form anew; return it.

        Raises
        ------
        NotFoundError
            When this user has none of this id.
        ConflictError
            When another form of the user has this name.
        """

        def work(c: sa.Connection) -> Form:
            row = self._row(c, form_id)
            if self._named(c, name) not in (None, form_id):
                raise _taken(name)
            values = {"name": name, "config": dict(config), "updated_at": at_ms}
            try:
                with c.begin_nested():
                    c.execute(sa.update(TABLE).where(TABLE.c.id == form_id).values(**values))
            except sa.exc.IntegrityError:  # another form has got this name in between
                raise _taken(name) from None
            return Form(form_id, name, config, row.created_at, at_ms)

        return self.database.write(work)

    def delete(self, form_id: str) -> None:
        """Remove a form.

        Raises
        ------
        NotFoundError
            When this user has none of this id.
        """

        def work(c: sa.Connection) -> None:
            self._row(c, form_id)
            c.execute(sa.delete(TABLE).where(TABLE.c.id == form_id))

        self.database.write(work)

    def _row(self, c: sa.Connection, form_id: str) -> sa.Row[Any]:
        query = sa.select(TABLE).where(TABLE.c.id == form_id, TABLE.c.user_id == self.owner)
        row = c.execute(query.with_for_update()).first()
        if row is None:
            raise NotFoundError("form", "is none of yours", form_id)
        return row

    def _named(self, c: sa.Connection, name: str) -> str | None:
        query = sa.select(TABLE.c.id).where(TABLE.c.user_id == self.owner, TABLE.c.name == name)
        return c.execute(query).scalar_one_or_none()


def _taken(name: str) -> ConflictError:
    return ConflictError("name", "is that of another of your forms", name)


def _form(row: sa.Row[Any]) -> Form:
    return Form(row.id, row.name, row.config, row.created_at, row.updated_at)
