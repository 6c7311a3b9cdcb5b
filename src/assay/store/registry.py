"""The registry: configurations as rows of `trained_configurations`, each with its whole V3 document."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from assay.documents import Document, read
from assay.documents.coherence import contradiction
from assay.documents.explained import why_not_promoted
from assay.errors import (
    ChangedError,
    ConflictError,
    FileFormatError,
    GateError,
    InputError,
    NotFoundError,
    near_name,
    wrong_choice,
)
from assay.market import Timeframe, canonical_symbol
from assay.store import schema
from assay.store.database import insert
from assay.store.fields import FIELDS
from assay.store.ids import find_id
from assay.store.rows import change_of, row_of, runtime_env
from assay.store.standing import Standing, standing
from assay.validation.lifecycle import STAGES, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.store.database import Database

TABLE = schema.trained_configurations
FIGURES = schema.configuration_figures

EMPTY = "Nothing is stored yet: assay train --file FILE stores a configuration"
"""What is said of an empty registry."""


@dataclass(frozen=True, eq=False)
class Registered:
    """A stored configuration.

    Attributes
    ----------
    row : dict
        Every column but the document; times in milliseconds UTC, unknown None.
    document : dict
        The V3 document, with the very bytes that were stored.
    """

    row: dict[str, Any]
    document: dict[str, Any]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Registered:
        """Return what a row of the table holds."""
        rest = dict(row)
        document = rest.pop("config_json")
        return cls(rest, document)

    @cached_property
    def typed(self) -> Document:
        """The document with typed sections, which are checked as they are used."""
        return Document.of(self.document)

    @cached_property
    def change(self) -> str:
        """What was changed after it was stored, in words; empty where row and document are as they were written."""
        return change_of(self.row, self.document)

    def intact(self) -> Registered:
        """Return the configuration itself.

        Raises
        ------
        ChangedError
            When its document or its row was changed after it was stored.
        """
        if self.change:
            raise ChangedError(self.config_id, self.change)
        return self

    def believable(self) -> Registered:
        """Return the configuration itself, if it is intact and its document does not contradict itself.

        Raises
        ------
        GateError
            Naming what was changed, or what contradicts what.
        """
        if why := contradiction(self.intact().document):
            raise GateError(f"{self.config_id} contradicts itself: {why}")
        return self

    @property
    def config_id(self) -> str:
        """The document's name."""
        return str(self.row["config_id"])

    @property
    def status(self) -> str:
        """Its stage."""
        return str(self.row["status"])

    @property
    def is_active(self) -> bool:
        """Whether programs load it."""
        return bool(self.row["is_active"])

    @property
    def is_archived(self) -> bool:
        """Whether it was put away."""
        return self.row["archived_at"] is not None


TIMEFRAME_RULE = f"must be one of {', '.join(schema.TIMEFRAMES)} to be stored"


def check_timeframe(timeframe: object, field: str = "timeframe") -> None:
    """Refuse bars of a length whose configurations are not stored, before anything is trained on them."""
    if str(timeframe) not in schema.TIMEFRAMES:
        raise InputError(field, TIMEFRAME_RULE, str(timeframe))


def _checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document as it will be read again, or refuse it."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(document), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise FileFormatError("configuration", f"must hold plain JSON values: {error}") from None
    timeframe = read(plain).context.timeframe
    if timeframe is not None and timeframe not in schema.TIMEFRAMES:
        raise FileFormatError("configuration context.timeframe", TIMEFRAME_RULE, timeframe)
    return plain


def insert_configuration(
    c: sa.Connection,
    document: Mapping[str, Any],
    *,
    at_ms: int,
    job_id: str | None,
    columns: Mapping[str, Any] | None = None,
    figures: Mapping[str, Any] | None = None,
) -> str:
    """Store a document and its figures in a transaction of the caller's (see `Registry.save`)."""
    plain = _checked(document)
    row = row_of(plain, at_ms=at_ms, runtime=runtime_env()) | {"job_id": job_id} | dict(columns or {})
    c.execute(insert(c, TABLE).values(**row).on_conflict_do_nothing(index_elements=["config_id"]))
    stored = c.execute(sa.select(TABLE.c.config_json).where(TABLE.c.config_id == row["config_id"])).scalar_one()
    if stored != plain:
        raise ConflictError("configId", "is stored already with other content", row["config_id"])
    if figures is not None:
        text = json.dumps(figures, allow_nan=False, separators=(",", ":"))
        values = {"configuration_id": row["id"], "figures": zlib.compress(text.encode())}
        c.execute(insert(c, FIGURES).values(**values).on_conflict_do_nothing(index_elements=["configuration_id"]))
    return str(row["config_id"])


class Registry:
    """Configurations in the database.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    # writing

    def save(
        self,
        document: Mapping[str, Any],
        *,
        at_ms: int,
        job_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        data_filter_config: Mapping[str, Any] | None = None,
        figures: Mapping[str, Any] | None = None,
    ) -> str:
        """Store a V3 document and return its configId; the same document twice is one row.

        Parameters
        ----------
        at_ms : int
            Now, milliseconds UTC.
        job_id : str, optional
            The training job that made it.
        metadata : mapping, optional
            Anything worth keeping beside it.
        data_filter_config : mapping, optional
            How bad bars were treated; what the document says of it where not given.
        figures : mapping, optional
            What its charts draw (`assay.documents.figures`); the first that are given stay.

        Raises
        ------
        FileFormatError
            When it is not a V3 document, or a rate times its count is no whole number.
        InputError
            When another document is stored under the same configId.
        """
        extra = {"metadata_json": metadata, "data_filter_config": data_filter_config}
        columns = {name: dict(value) for name, value in extra.items() if value is not None}
        return self.database.write(
            lambda c: insert_configuration(c, document, at_ms=at_ms, job_id=job_id, columns=columns, figures=figures)
        )

    def activate(self, config_id: str, *, at_ms: int) -> str | None:
        """Let programs load a configuration; return the one that it replaces, if any.

        At most one is active per strategy, exchange, pair and timeframe: two would trade one edge twice.

        Raises
        ------
        GateError
            When its stage gives it no capital, or would with all that was tried on its days since, it is archived, it
            was changed after it was stored (`ChangedError`),
            or its document contradicts itself.
        """

        def work(c: sa.Connection) -> str | None:
            row = self._locked(c, config_id)
            document = Registered.of(row).believable().typed
            life = document.lifecycle
            if row["archived_at"] is not None:
                raise GateError(f"{row['config_id']} is archived: take it back first (archive --undo)")
            if not Stage(life.current_stage).size_factor:
                raise GateError(
                    f"{row['config_id']} is {life.current_stage}, which gives it 0 % of the capital: it cannot be "
                    f"activated: {why_not_promoted(document)}".rstrip(": ")
                )
            today = standing(c, row["config_json"])
            if not today.stage.size_factor:
                raise GateError(f"{row['config_id']} cannot be activated. {today.reason}")
            if row["is_active"]:
                return None
            same = [TABLE.c[n] == row[n] for n in ("strategy_name", "exchange", "pair", "timeframe")]
            active = sa.select(TABLE.c.config_id).where(*same, TABLE.c.is_active)
            before = c.execute(active.with_for_update()).scalar_one_or_none()
            if before is not None:
                off = {"is_active": False, "last_deactivated_at": at_ms, "updated_at": at_ms}
                c.execute(sa.update(TABLE).where(TABLE.c.config_id == before).values(off))
            on = {"is_active": True, "last_activated_at": at_ms, "updated_at": at_ms}
            c.execute(sa.update(TABLE).where(TABLE.c.id == row["id"]).values(on))
            return None if before is None else str(before)

        return self.database.write(work)

    def deactivate(self, config_id: str, *, at_ms: int) -> bool:
        """Let no program load a configuration any more; return whether it was active."""

        def work(c: sa.Connection) -> bool:
            row = self._locked(c, config_id)
            if row["is_active"]:
                off = {"is_active": False, "last_deactivated_at": at_ms, "updated_at": at_ms}
                c.execute(sa.update(TABLE).where(TABLE.c.id == row["id"]).values(off))
            return bool(row["is_active"])

        return self.database.write(work)

    def archive(self, config_id: str, *, at_ms: int) -> bool:
        """Put a configuration away; return whether it was not before. Nothing is deleted: `unarchive` undoes it.

        Raises
        ------
        GateError
            When it is active: that it stops trading is a decision of its own.
        """

        def work(c: sa.Connection) -> bool:
            row = self._locked(c, config_id)
            if row["is_active"]:
                raise GateError(f"{row['config_id']} is active: deactivate it before it is archived")
            if row["archived_at"] is None:
                values = {"archived_at": at_ms, "updated_at": at_ms}
                c.execute(sa.update(TABLE).where(TABLE.c.id == row["id"]).values(values))
            return row["archived_at"] is None

        return self.database.write(work)

    def unarchive(self, config_id: str, *, at_ms: int) -> bool:
        """Take a configuration back; return whether it was archived. It is not active after that."""

        def work(c: sa.Connection) -> bool:
            row = self._locked(c, config_id)
            if row["archived_at"] is not None:
                values = {"archived_at": None, "updated_at": at_ms}
                c.execute(sa.update(TABLE).where(TABLE.c.id == row["id"]).values(values))
            return row["archived_at"] is not None

        return self.database.write(work)

    # reading

    def get(self, config_id: str) -> Registered:
        """Return a configuration by its configId, or by the id of its row.

        Raises
        ------
        NotFoundError
            When there is none, with the near name.
        ChangedError
            When its document or its row was changed after it was stored.
        """
        return self.stored(config_id).intact()

    def ids(self) -> list[str]:
        """Return every configId, the newest first, archived ones too."""
        query = sa.select(TABLE.c.config_id).order_by(TABLE.c.created_at.desc(), TABLE.c.config_id.desc())
        return self.database.read(lambda c: [str(name) for name in c.scalars(query)])

    def reasons(self, config_ids: Sequence[str]) -> dict[str, str]:
        """Return why each of some configurations was not promoted further; nothing of one that was."""
        query = sa.select(TABLE.c.config_id, TABLE.c.config_json).where(TABLE.c.config_id.in_(config_ids))
        rows = self.database.read(lambda c: c.execute(query).all())
        found = {str(name): why_not_promoted(Document.of(document)) for name, document in rows}
        return {name: why for name, why in found.items() if why}

    def resolve(self, text: str) -> str:
        """Return the configId that a person's text stands for (`assay.store.ids`), or that of a row's id.

        Raises
        ------
        InputError
            When it stands for several, or for none.
        """
        query = sa.select(TABLE.c.config_id).where(sa.or_(TABLE.c.config_id == text, TABLE.c.id == text))
        exact = self.database.read(lambda c: c.scalars(query).first())
        if exact is not None:
            return str(exact)
        return find_id(text, self.ids(), "configuration", absent="is not in the registry", empty=EMPTY)

    def stored(self, config_id: str) -> Registered:
        """Return a configuration as it is stored; whether it was changed since, `Registered.change` says."""
        return self.database.read(lambda c: Registered.of(_row(c, config_id)))

    def standing(self, config_id: str) -> Standing:
        """Return how far a configuration may be believed today, with all that was tried on its days by now."""
        return self.database.read(lambda c: standing(c, _row(c, config_id)["config_json"]))

    def figures(self, config_id: str) -> dict[str, Any] | None:
        """Return what the charts of a configuration draw; None where it was stored without.

        Raises
        ------
        NotFoundError
            When there is no such configuration.
        """

        def work(c: sa.Connection) -> bytes | None:
            query = sa.select(FIGURES.c.figures).where(FIGURES.c.configuration_id == _row(c, config_id)["id"])
            return c.execute(query).scalar_one_or_none()

        packed = self.database.read(work)
        return None if packed is None else _unpacked(packed)

    def figures_of(self, rows: Sequence[Registered]) -> dict[str, dict[str, Any]]:
        """Return what the charts of several configurations draw, by configId; nothing of those without."""
        names = {str(one.row["id"]): one.config_id for one in rows}
        query = sa.select(FIGURES).where(FIGURES.c.configuration_id.in_(names))
        found = self.database.read(lambda c: c.execute(query).all())
        return {names[row_id]: _unpacked(packed) for row_id, packed in found}

    def find(
        self,
        *,
        strategy: str | None = None,
        pair: str | None = None,
        exchange: str | None = None,
        timeframe: str | None = None,
        status: str | None = None,
        active: bool | None = None,
        archived: bool | None = False,
        limit: int | None = None,
    ) -> list[Registered]:
        """Return the configurations that fit, the newest first, as they are stored.

        Columns are searched, and they are told as they are found: who relies on one of these configurations asks
        `Registered.intact` first.

        Parameters
        ----------
        strategy : str, optional
            Case and the suffix _V3 do not matter.
        pair : str, optional
            In any of its usual forms (BTC/USDT, BTCUSDT, btc-usdt).
        status : str, optional
            A stage.
        active, archived : bool, optional
            None for both kinds; archived ones are left out where not asked for.
        """
        where = conditions(strategy, pair, exchange, timeframe, status)
        if active is not None:
            where.append(TABLE.c.is_active == active)
        if archived is not None:
            where.append(TABLE.c.archived_at.is_not(None) if archived else TABLE.c.archived_at.is_(None))
        if limit is not None and limit < 1:
            raise InputError("limit", "must be at least 1", limit)
        query = sa.select(TABLE).where(*where).order_by(TABLE.c.created_at.desc(), TABLE.c.config_id.desc())
        rows = self.database.read(lambda c: [dict(r) for r in c.execute(query.limit(limit)).mappings()])
        return [Registered.of(row) for row in rows]

    def compare(self, config_ids: Sequence[str]) -> dict[str, list[Any]]:
        """Return every field that is known of any of some configurations, with one value for each of them.

        Parameters are named ``parameters.NAME``, and measures that are no column ``metrics.NAME``.
        """
        found = [self.get(config_id) for config_id in config_ids]
        columns = [_flat(r) for r in found]
        names = list(dict.fromkeys(n for column in columns for n in column))
        table = {name: [column.get(name) for column in columns] for name in names}
        return {name: values for name, values in table.items() if any(v is not None for v in values)}

    def _locked(self, c: sa.Connection, config_id: str) -> dict[str, Any]:
        """Return a row with its market's rows locked: two activations of one market follow each other."""
        row = _row(c, config_id)
        same = [TABLE.c[n].is_not_distinct_from(row[n]) for n in ("strategy_name", "exchange", "pair", "timeframe")]
        c.execute(sa.select(TABLE.c.id).where(*same).order_by(TABLE.c.id).with_for_update())
        return _row(c, row["config_id"])


def _unpacked(packed: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(zlib.decompress(packed))
    return found


def conditions_of_market(
    strategy: str | None, pair: str | None, exchange: str | None, timeframe: str | None
) -> list[sa.ColumnElement[bool]]:
    """Return what rows of a market must fulfil, in the names that are stored."""
    named = {
        "strategy_name": None if strategy is None else strategy.strip().upper().removesuffix("_V3"),
        "pair": None if pair is None else canonical_symbol(pair),
        "exchange": None if exchange is None else exchange.strip().lower(),
        "timeframe": None if timeframe is None else str(Timeframe.parse(timeframe)),
    }
    lowered = {"exchange"}
    return [
        (sa.func.lower(TABLE.c[name]) if name in lowered else TABLE.c[name]) == value
        for name, value in named.items()
        if value is not None
    ]


def conditions(
    strategy: str | None, pair: str | None, exchange: str | None, timeframe: str | None, status: str | None
) -> list[sa.ColumnElement[bool]]:
    """Return what rows of a market and stage must fulfil."""
    where = conditions_of_market(strategy, pair, exchange, timeframe)
    if status is not None:
        stage = status.strip().upper()
        if stage not in STAGES:
            raise wrong_choice("status", status, STAGES)
        where.append(TABLE.c.status == stage)
    return where


def _row(c: sa.Connection, config_id: str) -> dict[str, Any]:
    named = sa.or_(TABLE.c.config_id == config_id, TABLE.c.id == config_id)
    found = c.execute(sa.select(TABLE).where(named)).mappings().first()
    if found is None:
        newest = sa.select(TABLE.c.config_id).order_by(TABLE.c.created_at.desc()).limit(50)
        known = [str(name) for name in c.scalars(newest)]
        hint = near_name(config_id, known) if known else EMPTY
        raise NotFoundError("configuration", "is not in the registry", config_id, hint)
    return dict(found)


def _flat(registered: Registered) -> dict[str, Any]:
    """Return all that can be compared of a configuration by name."""
    row, document = registered.row, registered.typed
    nested = ("parameters_json", "circuit_breakers", "regime_classification", "metadata_json", "data_filter_config")
    known = {f.source for f in FIELDS.values()}
    flat = {name: row[name] for name in FIELDS if name not in nested}
    flat |= {f"parameters.{n}": v for n, v in document.parameters.items()}
    return flat | {f"metrics.{n}": v for n, v in document.measures.items() if f"metrics.{n}" not in known}
