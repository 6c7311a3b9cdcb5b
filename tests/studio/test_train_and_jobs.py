"""The form and the queue in a real browser: estimated, saved, started, watched, cancelled, repeated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from assay.store import Database
from assay.store.events import EventStore
from assay.store.jobs import JobStore
from assay.store.queue import TaskQueue
from assay.store.schema import JobStatus
from assay.store.workers import WorkerRow, WorkerStore
from studio.conftest import PHONE, Stored, Visitor, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

Visitors = "Callable[..., Visitor]"

SLOW_MS = 60_000
"""A first estimate times the strategy, and may compile its kernels."""


@pytest.fixture
def database(stored: Stored) -> Iterator[Database]:
    opened = Database.open(stored.studio.home / "assay.db")
    yield opened
    opened.close()


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).first.click()
    page.get_by_role("option", name=option, exact=True).click()


def tile(page: Page, label: str) -> str:
    box = page.locator(".tile", has=page.locator(".tile-label", has_text=re.compile(f"^{label}$")))
    return box.locator(".tile-value").inner_text()


def test_a_form_is_estimated_kept_in_the_address_saved_and_started(
    stored: Stored, database: Database, visitors: Callable[..., Visitor]
) -> None:
    visitor = visitors(stored.studio)
    visitor.sign_in()
    page = visitor.go("/train")
    page.locator(".sentences").get_by_text("Price of this try").wait_for(timeout=SLOW_MS)
    assert page.get_by_text(re.compile("this creates [0-9]+ validation window")).is_visible()
    assert tile(page, "Trainings") == "1"
    assert tile(page, "Combinations") == "18,432"
    # the parameter space: 4 x 4 x 3 x 2 x 2 x 3 x 4 x 4 x 2 combinations, of which two values are taken away
    page.get_by_text("Advanced: Customize Parameter Grid").click()
    values = page.get_by_label("Values of pierce_depth")
    values.fill("0.001, 0.9")
    page.get_by_text("must lie in [0.0001, 0.05]").wait_for()
    page.get_by_text("See the field that is marked").wait_for(timeout=SLOW_MS)
    values.fill("0.001 to 0.002 step 0.001")
    page.get_by_text("Customize Parameter Grid · 9,216 combinations").wait_for()
    wait_until(lambda: tile(page, "Combinations") == "9,216")
    choose(page, "Method", "Random Search")
    page.get_by_label("Samples", exact=True).fill("many")
    page.get_by_role("alert").get_by_text("must be a whole number").wait_for(timeout=SLOW_MS)
    page.get_by_label("Samples", exact=True).fill("7")
    choose(page, "Evidence", "Quick (39 permutations)")
    wait_until(lambda: tile(page, "Combinations") == "7")
    page.reload()
    visitor.settled()
    assert page.get_by_label("Samples", exact=True).input_value() == "7"
    assert page.get_by_label("Values of pierce_depth").input_value() == "0.001 to 0.002 step 0.001"
    # saved, and loaded by its name
    page.get_by_role("button", name="Save Configuration").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Every evening")
    page.get_by_role("button", name="Save as new").click()
    link = page.get_by_role("link", name="Load Every evening")
    link.wait_for()
    link.click()
    page.wait_for_url(re.compile(r"/studio/train\?form=[0-9a-f-]{36}$"))
    visitor.settled()
    assert page.get_by_label("Samples", exact=True).input_value() == "7"
    page.get_by_role("button", name="Start Training").click()
    page.wait_for_url("**/studio/jobs?job=*")
    [job] = [one for one in JobStore(database).find(limit=5) if page.url.endswith(one.id)]
    assert job.user == "local"
    given = job.config["request"]
    assert given["optimization_params"]["n_samples"] == 7
    assert given["optimization_params"]["parameter_grid"]["pierce_depth"] == {
        "low": 0.001,
        "high": 0.002,
        "step": 0.001,
    }
    assert given["evidence"] == "quick"
    JobStore(database).cancel(job.id)


def started(visitor: Visitor, database: Database) -> str:
    """Start a small training of what is stored; return its job."""
    page = visitor.go("/train")
    page.get_by_role("button", name="Start Training").click()
    page.wait_for_url("**/studio/jobs?job=*")
    visitor.settled()
    return JobStore(database).find(limit=1)[0].id


def test_a_job_is_watched_by_two_cancelled_taken_up_and_repeated_with_changes(
    stored: Stored, database: Database, visitors: Callable[..., Visitor]
) -> None:
    visitor, other = visitors(stored.studio), visitors(stored.studio, PHONE)
    visitor.sign_in()
    other.sign_in()
    job = started(visitor, database)
    page = visitor.page
    second = other.go(f"/jobs?job={job}")
    for one in (page, second):
        one.locator(".job-detail").get_by_text("waiting").first.wait_for()
    # a worker takes the task, and says how far it is
    WorkerStore(database).announce(WorkerRow(id="w", host="elsewhere", process=77, version="1"))
    queue = TaskQueue(database)
    task = queue.claim("w", job=job)
    assert task is not None
    WorkerStore(database).beat("w", job=job, task=task.number)
    queue.progress(
        task, {"stage": "walk-forward", "done": 3, "total": 7, "rate": 1.5, "eta_s": 130.0, "note": None}
    )  # fmt: skip
    EventStore(database).log(job, "the bars have no volume column", level="warning", task=task.number)
    for one in (page, second):
        detail = one.locator(".job-detail")
        detail.get_by_text("3 of 7").wait_for()
        detail.get_by_text("2 min 10 s").wait_for()
        assert detail.get_by_text("walk-forward").is_visible()
        one.get_by_role("log").get_by_text("WARNING task 0: the bars have no volume column").wait_for()
        one.locator(".workers").get_by_text("elsewhere:77").wait_for()
    page.reload()
    visitor.settled()
    assert page.locator(".job-detail").get_by_text("3 of 7").is_visible(), "it comes from the database"
    # cancelled: asked first
    page.get_by_role("button", name="Cancel Job").click()
    page.get_by_role("dialog").get_by_role("button", name="Go on").click()
    assert JobStore(database).state(job).status == JobStatus.RUNNING
    page.get_by_role("button", name="Cancel Job").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel Job").click()
    for one in (page, second):
        one.locator(".job-detail .tag").get_by_text("cancelled").wait_for()
    queue.leave(task)
    # the list is filtered, and the address says so
    choose(page, "State", "✓ completed")
    page.wait_for_url("**state=completed*")
    page.get_by_text("No job", exact=True).wait_for()
    choose(page, "State", "■ cancelled")
    page.get_by_role("link", name=f"Job {job[:8]}, LIQUIDITY_SWEEP", exact=True).wait_for()
    page.get_by_role("button", name="Retry").click()
    wait_until(lambda: JobStore(database).state(job).is_active)
    page.get_by_role("button", name="Re-run with changes").click()
    page.wait_for_url(f"**/studio/train?job={job}")
    visitor.settled()
    page.get_by_text(f"Repeats job {job[:8]} with changes").wait_for()
    page.get_by_label("Seed").fill("43")
    page.get_by_role("button", name="Start Training").click()
    page.wait_for_url("**/studio/jobs?job=*")
    again = JobStore(database).find(limit=1)[0]
    assert (again.parent, again.config["request"]["seed"]) == (job, 43)
    for number in (job, again.id):
        JobStore(database).cancel(number)
