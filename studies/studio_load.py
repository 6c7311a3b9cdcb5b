"""What the Studio's pages cost, measured in a real browser and in the server's memory.

    python -m studies.studio_load [--minutes N] [--markdown docs/studio.md]

The page of a configuration with a year of 5m bars and 840 trades is opened; how long until its chart is drawn, how long
the whole span and a move of the chart take to be painted, and what a first visit transfers is taken from the browser.
Twenty pages are opened beside a training that runs, and the server's memory is taken before and after; then a page that
follows a job is left alone while the job is said to go on twice a second.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Row, Table, markdown, placed
from playwright.sync_api import sync_playwright

from assay.compiled import CACHE_DIRECTORY
from assay.documents.configuration import configuration
from assay.documents.figures import figures
from assay.search import parse_space
from assay.service.demo import start_demo
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database, Registry
from assay.store.bars import present
from assay.store.jobs import JobStore
from assay.strategies import find_strategy
from assay.training import Experiment, train

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Browser, Page

TRADES = 840
PAGES = 20
MIB = 2**20

PAINTED = """async (steps) => {
  const chart = getElement(Number(document.querySelector('.candles').id.slice(1))).chart;
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  const times = [];
  for (const step of steps) {
    const begun = performance.now();
    if (step === null) chart.timeScale().fitContent(); else chart.timeScale().setVisibleLogicalRange(step);
    await painted();
    times.push(performance.now() - begun);
  }
  return times;
}"""
"""Milliseconds of each step until the frame after it is painted; null is the whole span."""


def prepare(home: Path) -> str:
    """Store a year of bars and a configuration with many trades; return its id."""
    bars = simulate_market(SimulatedMarket(days=365, timeframe="5m", seed=0, edge_r=0.4))
    database = Database.open(home / "assay.db")
    BarStore(database).write(bars.market, present(bars), source="study", at_ms=1)
    strategy = find_strategy("LIQUIDITY_SWEEP")()
    space = parse_space({"pierce_depth": [0.001, 0.002], "risk_reward_ratio": [2.0, 4.0]}, strategy.parameters)
    evidence = train(Experiment(strategy, space=space, permutations=9), bars)
    document, drawn = configuration(evidence, datetime(2026, 1, 1, tzinfo=UTC)), figures(evidence)
    drawn["trades"] = _many(drawn["trades"])
    found = Registry(database).save(document, at_ms=1, figures=drawn)
    database.close()
    return found


def _many(trades: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the trades again and again, until there are as many as asked."""
    return {name: (column * (TRADES // len(column) + 1))[:TRADES] for name, column in trades.items()}


@contextmanager
def served(home: Path, *options: str) -> Iterator[tuple[str, str, int]]:
    """A Studio: its address, its token and its process."""
    environment = {k: v for k, v in os.environ.items() if k not in ("ASSAY_DATABASE_URL", "ASSAY_TOKEN")}
    command = [sys.executable, "-P", "-m", "assay", "studio", "--port", "0", "--json", "--no-browser", "--offline"]
    process = subprocess.Popen(  # noqa: S603  (the project's own command)
        [*command, "--home", str(home), "--log-level", "warning", *options], stdout=subprocess.PIPE, text=True,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_CACHE_DIR": str(CACHE_DIRECTORY)},
    )  # fmt: skip
    text = ""
    while "}" not in text and (line := process.stdout.readline() if process.stdout else ""):
        text += line
    document = json.loads(text)
    try:
        yield document["url"], Path(document["token_file"]).read_text().strip(), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def memory(process: int) -> float:
    """Return what a process holds of memory, in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def signed_in(browser: Browser, url: str, token: str) -> Page:
    """Open a page in a browser of its own, signed in."""
    page = browser.new_context(viewport={"width": 1680, "height": 980}).new_page()
    page.goto(f"{url}/studio/sign-in#token={token}")
    page.wait_for_url("**/studio/")
    page.wait_for_function("window.did_handshake === true")
    return page


def transferred(browser: Browser, url: str, token: str) -> float:
    """Return what the first page of a first visit brings, in MB."""
    page = browser.new_context().new_page()
    found = page.context.new_cdp_session(page)
    sizes: list[float] = []
    found.send("Network.enable")
    found.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(f"{url}/studio/sign-in#token={token}")
    page.wait_for_url("**/studio/")
    page.wait_for_load_state("networkidle")
    return sum(sizes) / 1e6


def drawn(page: Page, address: str) -> float:
    """Return the seconds from asking for a page until its chart can be used."""
    page.goto(address)
    page.wait_for_function("document.querySelector('.candles-text')?.innerText === ''", timeout=60_000)
    return float(page.evaluate("performance.now()")) / 1000


def chart_rows(browser: Browser, url: str, token: str, config_id: str) -> list[Row]:
    """Measure the page of a configuration."""
    page = signed_in(browser, url, token)
    address = f"{url}/studio/configurations/{config_id}"
    first = drawn(page, address)
    again = [drawn(page, address) for _ in range(5)]
    whole = page.evaluate(PAINTED, [None] * 10)
    moves = [{"from": 40_000 + 40 * i, "to": 42_000 + 40 * i} for i in range(120)]
    moved = sorted(page.evaluate(PAINTED, moves)[5:])
    held = page.evaluate("getElement(Number(document.querySelector('.candles').id.slice(1))).held.rows")
    return [
        {
            "what": f"usable with {held:,} bars and {TRADES} trades, s",
            "measured": statistics.median(again),
            "most": 1.5,
        },
        {"what": "the same on the first visit, s", "measured": first, "most": None},
        {"what": "the whole span, ms", "measured": statistics.median(whole), "most": 100.0},
        {"what": "a move of the chart, 95 of 100, ms", "measured": moved[int(0.95 * len(moved))], "most": 20.0},
        {"what": "transferred on the first visit, MB", "measured": transferred(browser, url, token), "most": 3.0},
    ]


def crowd_rows(browser: Browser, home: Path, place: tuple[str, str, int], config_id: str) -> list[Row]:
    """Open many pages beside a training that runs."""
    url, token, process = place
    database = Database.open(home / "assay.db")
    job = start_demo(database, user="study", days=365, permutations=99)
    page = signed_in(browser, url, token)
    page.goto(f"{url}/studio/configurations/{config_id}")  # what the process reads once, and keeps
    page.wait_for_load_state("networkidle")
    before = memory(process)
    opened = []
    for i in range(PAGES):
        other = page.context.new_page()
        other.goto(f"{url}/studio/" + (f"configurations/{config_id}" if i % 2 else f"jobs?job={job}"))
        other.wait_for_function("window.did_handshake === true")
        opened.append(other)
    grown = (memory(process) - before) / PAGES
    begun = time.perf_counter()
    page.goto(f"{url}/studio/configurations")
    page.wait_for_function("window.did_handshake === true")
    seconds = time.perf_counter() - begun
    still = JobStore(database).state(job).is_active
    JobStore(database).cancel(job) if still else None
    database.close()
    for other in opened:
        other.close()
    return [
        {"what": f"memory of the server for an open page, MiB (mean of {PAGES})", "measured": grown, "most": 5.0},
        {"what": f"another page beside {PAGES} and a training, s", "measured": seconds, "most": None},
    ]


def grown_rows(browser: Browser, home: Path, place: tuple[str, str, int], minutes: float) -> list[Row]:
    """Leave a page alone that follows a job, of which something is said twice a second."""
    url, token, process = place
    database = Database.open(home / "assay.db")
    job = start_demo(database, user="study", days=365, permutations=999)
    page = signed_in(browser, url, token)
    page.goto(f"{url}/studio/jobs?job={job}")
    page.wait_for_timeout(30_000)
    heap = page.context.new_cdp_session(page)

    def used() -> float:
        heap.send("HeapProfiler.collectGarbage")
        return float(heap.send("Runtime.getHeapUsage")["usedSize"]) / MIB

    server, client = memory(process), used()
    page.wait_for_timeout(60_000 * minutes)
    rows: list[Row] = [
        {"what": f"the server after {minutes:g} min that a job was followed, MiB more",
         "measured": memory(process) - server, "most": None},
        {"what": f"the page after {minutes:g} min, MiB more", "measured": used() - client, "most": None},
    ]  # fmt: skip
    if JobStore(database).state(job).is_active:
        JobStore(database).cancel(job)
    database.close()
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long a page follows a job")
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args(arguments)
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("chromium is not installed: apt-get install chromium")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="assay-studio-") as folder, sync_playwright() as playwright:
        home = Path(folder)
        config_id = prepare(home)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with served(home, "--no-workers") as (url, token, _):
            rows = chart_rows(browser, url, token, config_id)
        with served(home, "--workers", "1") as place:
            rows += crowd_rows(browser, home, place, config_id)
            rows += grown_rows(browser, home, place, given.minutes)
        browser.close()
    note = (
        f"- {os.cpu_count()} cores for browser, server and training; chromium without a screen; load before {load:.1f}."
    )
    text = markdown(Table("What a page costs", rows)) + f"\n\n{note}\n"
    sys.stdout.write(text)
    if given.markdown:
        given.markdown.write_text(placed(given.markdown.read_text(), text))


if __name__ == "__main__":
    main()
