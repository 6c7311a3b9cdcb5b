"""What pages read: the same functions that the API's routes and the command line call, for a page at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.api.jobs import job_status
from assay.service.markets import market_row
from assay.store import Imports
from assay.store.campaign_summary import campaigns
from assay.store.configuration_pages import ConfigurationFilter, configuration_page, configuration_summary
from assay.store.jobs import JobStore
from assay.store.ledger import Ledger
from assay.store.market_pages import market_page
from assay.store.queue_terms import ACTIVE
from assay.store.workers import WorkerStore

if TYPE_CHECKING:
    from assay.api.models.training import JobStatusBody
    from assay.store import BarStore, Database
    from assay.store.campaign_summary import CampaignSummary
    from assay.store.jobs import JobState
    from assay.store.registry import Registered
    from assay.store.workers import WorkerRow

NEWEST = 8
"""Rows of the lists of the first page."""

MOST_MARKETS = 1_000
MOST_WORKERS = 1_000


@dataclass(frozen=True)
class Overview:
    """What the first page shows.

    Attributes
    ----------
    markets : list of dict
        As `assay.service.markets.market_row` describes them.
    running : list of JobStatusBody
        Jobs that wait or run, the newest first.
    summary : dict
        As `configuration_summary` counts them.
    newest : list of Registered
    campaigns : list of CampaignSummary
    workers : list of WorkerRow
    """

    markets: list[dict[str, Any]]
    running: list[JobStatusBody]
    summary: dict[str, Any]
    newest: list[Registered]
    campaigns: list[CampaignSummary]
    workers: list[WorkerRow]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever stored or begun."""
        return not (self.markets or self.running or self.newest or self.campaigns)


def overview(database: Database, store: BarStore) -> Overview:
    """Read the first page.

    Parameters
    ----------
    store : BarStore
        The server's own: it counts the bars of a market once, and again when they have changed.
    """
    jobs = JobStore(database)
    imports, sizes, ledger = Imports(store), store.size_bytes(), Ledger(database)
    entries = ledger.entries()
    newest = configuration_page(database, ConfigurationFilter(), sort="created_at", limit=NEWEST)
    return Overview(
        markets=[market_row(imports, one, sizes) for one in market_page(store, (None, None, None), limit=MOST_MARKETS)],
        running=[job_status(job, jobs.tasks(job.id)) for job in running(jobs)],
        summary=configuration_summary(database),
        newest=newest,
        campaigns=database.read(lambda c: campaigns(c, entries)),
        workers=WorkerStore(database).page(MOST_WORKERS, alive=True),
    )


def running(jobs: JobStore) -> list[JobState]:
    """Return the jobs that wait or run, the newest first."""
    return jobs.find(limit=NEWEST, statuses=ACTIVE)
