"""The whole way in a real browser: a first visit, the demonstration, a training, its verdict, and what becomes of it.

The page is reloaded in the middle, the server killed and begun again, somebody else looks on, and a viewer may not.
"""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest

from assay.service.accounts import Accounts, PasswordCost
from assay.store import Database, Registry
from assay.store.accounts import AccountStore
from assay.store.database import now_ms
from assay.store.jobs import JobStore
from assay.store.schema import Role
from reports.samples import sample
from studio.conftest import Studio, Visitor, stored_samples, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TRAINED_S = 180.0
"""How long three small trainings may take on a busy machine, kernels compiled."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Iterator[Studio]:
    home = tmp_path_factory.mktemp("journey")
    (home / "assay.db").write_bytes(sqlite_template)
    found = Studio(home, ("--workers", "1"))
    found.start()
    yield found
    found.end()


@pytest.fixture(scope="module")
def database(studio: Studio) -> Iterator[Database]:
    opened = Database.open(studio.home / "assay.db")
    yield opened
    opened.close()


def test_from_the_first_visit_to_the_archive(
    studio: Studio, database: Database, visitors: Callable[..., Visitor], tmp_path: Path
) -> None:
    visitor, other = visitors(studio), visitors(studio)
    visitor.sign_in()
    page = visitor.settled()
    page.get_by_role("button", name="Run the demonstration").click()
    page.wait_for_url("**/studio/jobs?job=*", timeout=60_000)
    [job] = JobStore(database).find(limit=5)
    page.reload()
    visitor.settled()
    page.locator(".job-detail").get_by_text("LIQUIDITY_SWEEP").first.wait_for()
    studio.end(signal.SIGKILL)
    page.get_by_text("Connection lost").wait_for(timeout=60_000)
    studio.start()
    other.sign_in()
    watched = other.go(f"/jobs?job={job.id}")
    wait_until(lambda: not JobStore(database).state(job.id).is_active, TRAINED_S)
    for one in (page, watched):
        one.locator(".job-detail").get_by_text("completed").first.wait_for(timeout=60_000)
        one.get_by_text("3 of 3").first.wait_for(timeout=60_000)
    # of the server that was away a browser complains, and of nothing else
    assert all("ERR_CONNECTION" in line or "WebSocket" in line for line in visitor.complaints), visitor.complaints
    visitor.complaints.clear()

    # a training of one's own, and its verdict
    page = visitor.go("/train")
    page.get_by_label("Method", exact=True).first.click()
    page.get_by_role("option", name="Random Search", exact=True).click()
    page.get_by_label("Samples", exact=True).fill("20")
    page.get_by_label("Evidence", exact=True).click()
    page.get_by_role("option", name=re.compile("^Quick")).click()
    page.get_by_role("button", name="Start Training").click()
    page.wait_for_url("**/studio/jobs?job=*", timeout=60_000)
    second = JobStore(database).find(limit=1)[0]
    assert second.id != job.id
    wait_until(lambda: not JobStore(database).state(second.id).is_active, TRAINED_S)
    page.get_by_role("link", name="see its verdict").first.click(timeout=60_000)
    page.wait_for_url("**/studio/configurations/LIQUIDITY_SWEEP*")
    visitor.settled()
    page.get_by_text("Why not promoted").wait_for()

    # two of what is stored by now, side by side
    page = visitor.go("/configurations")
    boxes = page.get_by_role("checkbox", name=re.compile("^Choose"))
    boxes.nth(0).click()
    boxes.nth(1).click()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/studio/compare?ids=*")
    visitor.settled()
    page.get_by_text("Equity on common days").wait_for()

    promoted, *_ = stored_samples(database)
    # activated, exported, archived and brought back, each in the visitor's name
    page = visitor.go(f"/configurations/{promoted}")
    page.get_by_role("button", name="Activate", exact=True).click()
    page.get_by_text("active", exact=True).wait_for()
    assert Registry(database).get(promoted).row["is_active"]
    with page.expect_download() as download:
        page.get_by_role("button", name="V3 JSON").click()
    download.value.save_as(tmp_path / "document.json")
    assert json.loads((tmp_path / "document.json").read_text()) == sample("promoted")[0]
    page.get_by_role("button", name="Deactivate").click()
    page.get_by_role("button", name="Archive").click()
    page.get_by_role("button", name="Restore").wait_for()
    assert Registry(database).get(promoted).is_archived
    page.get_by_role("button", name="Restore").click()
    page.get_by_role("button", name="Archive").wait_for()
    done = [entry.action for entry in AccountStore(database).audit(50) if entry.outcome == "done"]
    for action in ("demonstration", "activate configuration", "archive configuration", "restore configuration"):
        assert f"studio: {action}" in done


def test_a_viewer_sees_everything_and_changes_nothing(
    studio: Studio, database: Database, visitors: Callable[..., Visitor]
) -> None:
    """From here on users sign in: the server is begun again, and its own token counts no more."""
    accounts = Accounts(database, PasswordCost(passes=1, memory_kib=8, lanes=1))
    accounts.add("ada", Role.VIEWER, None, now_ms())
    token = accounts.issue_token("ada", "tests", 1.0, now_ms()).secret
    promoted = next(one for one in Registry(database).find() if one.row["status"] == "MATURE")
    studio.end()
    studio.start()
    visitor = visitors(studio)
    visitor.sign_in(token)
    page = visitor.go(f"/configurations/{promoted.config_id}")
    assert page.get_by_role("button", name="Activate", exact=True).is_disabled()
    page = visitor.go("/train")
    assert page.get_by_role("button", name="Start Training").is_disabled()
