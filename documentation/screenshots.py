"""Pictures of the Studio's pages for docs/studio.md: `make screenshots`.

A Studio with the demonstration's markets, trained, is opened in Chromium; every page is shown on a wide screen and on a
phone. Times and ids of the day are in them, so they are made when a page changes, and compared by nobody.
"""

from __future__ import annotations

import shutil
import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright
from studies.studio_load import served

from assay.service.demo import start_demo
from assay.service.worker import Worker
from assay.store import Database, Registry

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).parents[1] / "docs" / "studio"
SIZES = {"wide": (1680, 980), "phone": (390, 844)}
COLOURS = 128
"""Of a picture: a page has few, and a file with few is small."""


def pages(database: Database) -> dict[str, str]:
    """Return the addresses of the pages by the names of their pictures."""
    found = sorted(Registry(database).find(), key=lambda one: str(one.row["pair"]))
    market = "simulated:EDGE/USDT:5m"
    compared = "&".join(f"ids={one.config_id}" for one in found)
    return {
        "overview": "/",
        "data": f"/data?market={market}",
        "strategies": f"/strategies?strategy=LIQUIDITY_SWEEP&market={market}",
        "train": "/train",
        "jobs": "/jobs",
        "configurations": "/configurations",
        "compare": f"/compare?{compared}",
        "configuration": f"/configurations/{found[0].config_id}",
    }


def photographed(page: Page, path: Path) -> None:
    """Write what a page shows."""
    page.wait_for_function("window.did_handshake === true")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(2_500)  # charts are drawn after what they show has come
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def photograph(browser: Browser, url: str, token: str, shown: dict[str, str]) -> None:
    """Write the pictures of all pages."""
    for size, (width, height) in SIZES.items():
        page = browser.new_context(viewport={"width": width, "height": height}).new_page()
        page.goto(f"{url}/studio/sign-in#token={token}")
        page.wait_for_url("**/studio/")
        for name, address in shown.items():
            page.goto(f"{url}/studio{address}")
            photographed(page, FOLDER / f"{name}-{size}.png")


def main() -> None:
    """Make all pictures anew."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("chromium is not installed: apt-get install chromium")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="assay-pictures-") as folder, sync_playwright() as playwright:
        database = Database.open(Path(folder) / "assay.db")
        Worker(database, start_demo(database, user="local")).run()
        shown = pages(database)
        database.close()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with served(Path(folder), "--workers", "1") as (url, token, _):
            photograph(browser, url, token, shown)
        browser.close()


if __name__ == "__main__":
    main()
