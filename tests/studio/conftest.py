"""A served Studio with stored configurations, and a real browser that reaches nothing else."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay.store import BarStore, Database, Registry
from assay.store.bars import present
from browsers import chromium
from reports.samples import sample
from training.test_train import planted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

PROGRAM = Path(__file__).parent / "small_studio.py"
NOWHERE = "http://127.0.0.1:9"
"""A proxy that refuses: what leaves the machine fails, and is seen."""
READY_S = 60.0
SAMPLES = ("promoted", "refused", "plain")
WIDE, PHONE = (1680, 980), (390, 844)


@dataclass
class Studio:
    """A server of a home that is kept when it ends."""

    home: Path
    options: tuple[str, ...] = ()
    port: int = 0
    process: subprocess.Popen[str] | None = None
    sessions: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return (self.home / "studio-token").read_text().strip()

    def start(self) -> None:
        """Begin, on the port of before where there was one."""
        own = {k: v for k, v in os.environ.items() if k not in ("ASSAY_DATABASE_URL", "ASSAY_TOKEN")}
        command = [sys.executable, str(PROGRAM), "--port", str(self.port), "--home", str(self.home), "--no-browser"]
        self.process = subprocess.Popen(
            [*command, "--json", "--offline", "--log-file", str(self.home / "log"), *self.options],
            stdout=subprocess.PIPE, text=True, env=own | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        text = ""
        while "}" not in text and (line := self.process.stdout.readline() if self.process.stdout else ""):
            text += line
        self.port = int(json.loads(text)["url"].rpartition(":")[2])

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it as an operator would, or as a power cut would (SIGKILL)."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.communicate(timeout=30)


@dataclass
class Visitor:
    """Somebody at a browser of their own, and what went wrong there."""

    studio: Studio
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    def listen(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._requested)
        page.on("response", self._answered)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _requested(self, request: Request) -> None:
        self.asked.add(re.sub(r"^(\w+://[^/]*).*", r"\1", request.url))

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")

    def sign_in(self, token: str | None = None) -> None:
        """Sign in by the page where one does so; who did before comes again with the same session."""
        token = token or self.studio.token
        if token in self.studio.sessions:
            self.context.add_cookies(self.studio.sessions[token])
            return
        self.page.goto(f"{self.studio.url}/studio/sign-in#token={token}")
        self.page.wait_for_url("**/studio/")
        self.studio.sessions[token] = self.context.cookies()

    def go(self, path: str) -> Page:
        """Open a page of the Studio, and wait until it is connected and drawn."""
        self.page.goto(f"{self.studio.url}/studio{path}")
        return self.settled()

    def settled(self) -> Page:
        self.page.wait_for_function("window.did_handshake === true")
        self.page.wait_for_load_state("networkidle")
        return self.page


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium(args=["--no-sandbox"], proxy={"server": NOWHERE, "bypass": "127.0.0.1"}) as opened:
        yield opened


def stored_samples(database: Database) -> list[str]:
    """Store configurations of several kinds, and the bars of one of them; return their ids."""
    bars = planted()
    BarStore(database).write(bars.market, present(bars), source="tests", at_ms=1)
    registry = Registry(database)
    return [registry.save(sample(name)[0], at_ms=1_700_000_000_000, figures=sample(name)[1]) for name in SAMPLES]


@dataclass(frozen=True)
class Stored:
    """A Studio in which something is stored, and the ids of its configurations."""

    studio: Studio
    ids: tuple[str, ...]


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Iterator[Stored]:
    home = tmp_path_factory.mktemp("stored")
    (home / "assay.db").write_bytes(sqlite_template)
    database = Database.open(home / "assay.db")
    ids = stored_samples(database)
    database.close()
    studio = Studio(home, ("--no-workers",))
    studio.start()
    yield Stored(studio, tuple(ids))
    studio.end()


@pytest.fixture
def visitors(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Return visitors of a Studio, each with a browser of their own; none of them may have had a complaint."""
    found: list[Visitor] = []

    def visitor(studio: Studio, size: tuple[int, int] = WIDE) -> Visitor:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, accept_downloads=True)
        made = Visitor(studio, context, context.new_page())
        made.listen(made.page)
        found.append(made)
        return made

    yield visitor
    for one in found:
        one.context.close()
        assert one.complaints == []
        assert one.asked <= {one.studio.url}


def wait_until(is_so: Callable[[], Any], seconds: float = READY_S) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            pytest.fail("it never came true")
        time.sleep(0.1)
