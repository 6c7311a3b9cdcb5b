"""What the page of a configuration shows, read at once: the stored row, its document, its run and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.documents import Document, TrainedDocument
from assay.documents.explained import why_not_promoted
from assay.market import Timeframe, named_market
from assay.service.configurations import explained
from assay.store import BarStore, Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.service.configurations import Sections
    from assay.store import Database, Registered
    from assay.store.standing import Standing


@dataclass(frozen=True)
class ConfigurationFacts:
    """A configuration as its page shows it.

    Attributes
    ----------
    stored : Registered
    document : Document
    standing : Standing
        What it is worth today, with all tries on its days.
    why : str
        Why it was not promoted further; empty where it was.
    figures : dict or None
        Of its run out of sample; None where it was stored without.
    sections : mapping
        Every field with value, unit and meaning.
    has_bars : bool
        Whether the bars of its market are stored.
    """

    stored: Registered
    document: Document
    standing: Standing
    why: str
    figures: dict[str, Any] | None
    sections: Sections
    has_bars: bool

    @property
    def trained(self) -> TrainedDocument | None:
        """The document with its evidence; None where it has none."""
        return self.document if isinstance(self.document, TrainedDocument) else None

    @property
    def market(self) -> tuple[str, str, str]:
        """Exchange, symbol and timeframe."""
        row = self.stored.row
        return str(row["exchange"]), str(row["pair"]), str(row["timeframe"])

    @property
    def trades(self) -> Mapping[str, Any]:
        """The trades out of sample as columns; none where they are unknown."""
        return {} if self.figures is None else self.figures["trades"]


def configuration_facts(database: Database, store: BarStore, config_id: str) -> ConfigurationFacts:
    """Read the page of a configuration.

    Raises
    ------
    NotFoundError
        When there is none.
    ChangedError
        When its document or its row was changed after it was stored.
    """
    registry = Registry(database)
    found = registry.get(config_id)
    return ConfigurationFacts(
        stored=found,
        document=found.typed,
        standing=registry.standing(config_id),
        why=why_not_promoted(found.typed),
        figures=registry.figures(found.config_id),
        sections=explained(found),
        has_bars=_has_bars(store, found.row),
    )


def _has_bars(store: BarStore, row: Mapping[str, Any]) -> bool:
    """Whether the bars of a configuration's market are stored; one that was made from plain measures may have none."""
    names = [row[name] for name in ("exchange", "pair", "timeframe")]
    if None in names:
        return False
    exchange, pair, timeframe = map(str, names)
    return bool(store.finer(named_market(exchange, pair, Timeframe.parse(timeframe))))
