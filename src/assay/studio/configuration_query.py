"""What the page of configurations shows, as its address says it: filters, order, page, and what is chosen."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

from assay.errors import InputError
from assay.store.configuration_pages import ConfigurationFilter, Order, Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TEXTS = ("stage", "strategy", "pair", "exchange", "timeframe")
BOUNDS = ("min_sharpe_ratio", "min_net_profit", "min_sample_size", "max_p_value")
"""Bounds by their names in addresses, which are those of the API."""

NAMES = ("strategy_name", "pair")
"""Columns of texts by which the list is sorted."""

MOST_CHOSEN = 100
"""Rows that may be chosen at once: their names stand in the address."""

_SWITCHES = {"true": True, "false": False}
_ANY = "any"


@dataclass(frozen=True, kw_only=True)
class ListQuery:
    """What the page shows.

    Attributes
    ----------
    stage, strategy, pair, exchange, timeframe : str or None
    active, archived : bool or None
        None for both kinds.
    min_sharpe_ratio, min_net_profit, min_sample_size, max_p_value : float or None
    sort : str
    falling : bool or None
        Whether the largest comes first; None for what is usual.
    place : Place or None
        After which row the page begins, or before which it ends.
    backwards : bool
        Whether it ends there.
    chosen : tuple of str
        configIds of the rows that are chosen, on this page and on others.
    undo : int or None
        Moment of what was archived together and may be taken back.
    """

    stage: str | None = None
    strategy: str | None = None
    pair: str | None = None
    exchange: str | None = None
    timeframe: str | None = None
    active: bool | None = None
    archived: bool | None = False
    min_sharpe_ratio: float | None = None
    min_net_profit: float | None = None
    min_sample_size: float | None = None
    max_p_value: float | None = None
    sort: str = "created_at"
    falling: bool | None = None
    place: Place | None = None
    backwards: bool = False
    chosen: tuple[str, ...] = ()
    undo: int | None = None

    @classmethod
    def of(cls, given: Mapping[str, str], chosen: Sequence[str] = ()) -> Self:
        """Read an address.

        Parameters
        ----------
        given : mapping
            Its query; unknown names are left alone.
        chosen : sequence of str
            All values of its ``chosen``.

        Raises
        ------
        InputError
            For a value that cannot be one.
        """
        query: dict[str, Any] = {name: given[name] for name in TEXTS if given.get(name)}
        query |= {name: _number(given[name], name) for name in BOUNDS if given.get(name)}
        for name in ("active", "archived"):
            if given.get(name):
                query[name] = _switch(given[name], name)
        if given.get("order"):
            query["falling"] = _one_of(given["order"], "order", {"falling": True, "rising": False})
        if given.get("sort"):
            query["sort"] = Order(name=given["sort"]).name
        for name, backwards in (("after", False), ("before", True)):
            if given.get(name):
                by_text = query.get("sort") in NAMES
                query |= {"place": _place(given[name], name, by_text=by_text), "backwards": backwards}
        if given.get("undo"):
            query["undo"] = int(_number(given["undo"], "undo"))
        return cls(chosen=tuple(dict.fromkeys(chosen))[:MOST_CHOSEN], **query)

    def query(self) -> dict[str, object]:
        """Return what the address says of it; nothing of what is usual."""
        said: dict[str, object] = {name: getattr(self, name) for name in (*TEXTS, *BOUNDS)}
        for name in BOUNDS:
            value = said[name]
            said[name] = None if value is None else f"{value:.12g}"
        words = {True: "true", False: "false", None: _ANY}
        said["active"] = None if self.active is None else words[self.active]
        said["archived"] = None if self.archived is False else words[self.archived]
        said["sort"] = None if self.sort == "created_at" else self.sort
        said["order"] = None if self.falling is None else "falling" if self.falling else "rising"
        place = None if self.place is None else json.dumps(list(self.place), separators=(",", ":"))
        said["before" if self.backwards else "after"] = place
        return said | {"undo": self.undo, "chosen": list(self.chosen) or None}

    @property
    def order(self) -> Order:
        """In which order the rows are listed."""
        return Order(name=self.sort, falling=self.falling)

    def filter(self) -> ConfigurationFilter:
        """Return which configurations are meant.

        Raises
        ------
        InputError
            For a name that cannot be one.
        """
        least = {name.removeprefix("min_"): getattr(self, name) for name in BOUNDS if name.startswith("min_")}
        return ConfigurationFilter(
            **{name: getattr(self, name) for name in TEXTS},
            active=self.active,
            archived=self.archived,
            least={name: bound for name, bound in least.items() if bound is not None},
            most={} if self.max_p_value is None else {"p_value": self.max_p_value},
        )

    @property
    def is_filtered(self) -> bool:
        """Whether it shows less than all that is in use."""
        usual = ListQuery()
        names = {one.name for one in fields(self)} - {"sort", "falling", "place", "backwards", "chosen", "undo"}
        return any(getattr(self, name) != getattr(usual, name) for name in names)

    def filtered(self, **changes: Any) -> Self:
        """Return the first page of a list with other filters; what is chosen stays so."""
        return replace(self, place=None, backwards=False, **changes)

    def sorted_by(self, name: str) -> Self:
        """Return the first page in another order; the same order again turns it round."""
        if name != self.sort:
            return replace(self, sort=name, falling=None, place=None, backwards=False)
        usual = Order(name=name).falls
        turned = not self.order.falls
        return replace(self, falling=None if turned == usual else turned, place=None, backwards=False)

    def turned(self, place: Place | None, *, backwards: bool = False) -> Self:
        """Return another page of the same list; the first, where no place is given."""
        return replace(self, place=place, backwards=backwards and place is not None)


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(name, "must be a number", text)
    return value


def _one_of(text: str, name: str, known: Mapping[str, Any]) -> Any:
    if text not in known:
        raise InputError(name, f"must be {' or '.join(known)}", text)
    return known[text]


def _switch(text: str, name: str) -> bool | None:
    found: bool | None = _one_of(text, name, {**_SWITCHES, _ANY: None})
    return found


def _place(text: str, name: str, *, by_text: bool) -> Place:
    """Read a place, which was written by `ListQuery.query`; somebody else may have changed it."""
    try:
        value, config_id = json.loads(text)
    except (ValueError, TypeError):
        value, config_id = [], None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**63
    fits = value is None or (isinstance(value, str) if by_text else is_number)
    if not fits or not isinstance(config_id, str):
        raise InputError(name, "must be the address of a page in the same order", text)
    return Place(value, config_id)
