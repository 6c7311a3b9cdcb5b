"""A report in a real browser: it draws without a complaint, asks for nothing, and fits a phone and a wide screen."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from assay.reports import html
from reports.samples import everything, sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, ConsoleMessage, Page

LIGHT, DARK = "light", "dark"
DRAWN = "views.length && views.every((view) => view.has_finished())"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("the report is tested in chromium: apt-get install chromium")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found)
        yield opened
        opened.close()


def wait_for(page: Page, expression: str) -> None:
    """Wait until an expression is true; playwright's own way needs the `eval` that the page's policy forbids."""
    for _ in range(400):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"never came true: {expression[:80]}")


class Opened:
    """A report in a tab, and what went wrong in it."""

    def __init__(self, browser: Browser, folder: Path, name: str, width: int, scheme: Any) -> None:
        path = folder / "report.html"
        path.write_text(html(*(everything() if name == "everything" else sample(name))))
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        if self.page.query_selector(".chart"):
            wait_for(self.page, DRAWN)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [("promoted", 1600, LIGHT), ("everything", 360, DARK), ("refused", 360, LIGHT), ("plain", 360, LIGHT)],
)
def test_a_report_draws_fits_and_asks_for_nothing(
    browser: Browser, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    opened = Opened(browser, tmp_path, name, width, scheme)
    assert opened.complaints == []
    assert len(opened.requests) == 1  # the file itself
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    places = opened.page.query_selector_all(".chart")
    assert all((box := place.bounding_box()) and box["height"] > 100 and box["width"] > 200 for place in places)
    assert len(opened.page.screenshot(full_page=True)) > 20_000
    opened.page.close()


def test_a_map_is_chosen_and_a_head_sorts(browser: Browser, tmp_path: Path) -> None:
    opened = Opened(browser, tmp_path, "promoted", 1200, LIGHT)
    page = opened.page
    _, drawn = sample("promoted")
    assert drawn is not None
    last = drawn["map"]["planes"][-1]
    page.select_option("#plane", str(len(drawn["map"]["planes"]) - 1))
    told = page.evaluate("""() => {
        const model = (name) => Bokeh.documents.at(-1).get_model_by_name(name);
        return [model("map-x").axis_label, model("map-y").axis_label, [...model("cells").data.score]];
    }""")
    assert told == [last["x"], last["y"], [round(s, 4) for row in last["scores"] for s in row]]
    heads = page.locator("table.sortable th button")
    shown = "[...document.querySelectorAll('table.sortable tbody tr')].map((row) => row.cells[9].textContent)"
    multiples = [f"{r:+.2f}" for r in sorted(drawn["trades"]["R"])]
    heads.nth(9).click()
    assert page.evaluate(shown) == multiples
    heads.nth(9).click()
    assert page.evaluate(shown) == multiples[::-1]
    assert opened.complaints == []
    page.close()


def test_charts_follow_light_and_dark_and_paper_is_light(browser: Browser, tmp_path: Path) -> None:
    opened = Opened(browser, tmp_path, "paper", 1000, DARK)
    page = opened.page
    style = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(style)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    copies = page.locator(".chart > canvas")
    assert copies.count() == page.locator(".chart").count() > 5
    assert page.evaluate(style) != dark
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert copies.count() == 0
    assert page.evaluate(style) == dark
    labels = "views[0].canvas_view.primary.canvas.toDataURL()"
    page.wait_for_timeout(100)
    drawn = page.evaluate(labels)
    page.emulate_media(color_scheme="light")
    wait_for(page, f"({labels}) != {drawn!r}")
    assert opened.complaints == []
    page.close()
