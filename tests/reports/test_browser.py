"""A report in a real browser: it draws without a complaint, asks for nothing, and fits a phone and a wide screen."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from assay.documents.figures import stored_equity
from browsers import chromium
from reports.samples import page_of, sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, ConsoleMessage, Page

LIGHT, DARK = "light", "dark"
DRAWN = "views.length && views.every((view) => view.has_finished())"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


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
        path.write_text(page_of(name))
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


def test_a_row_takes_the_chart_to_its_trade_and_files_are_made_in_the_page(browser: Browser, tmp_path: Path) -> None:
    opened = Opened(browser, tmp_path, "promoted", 390, LIGHT)
    page = opened.page
    document, drawn = sample("promoted")
    assert drawn is not None
    trades, near = drawn["trades"], drawn["candles"]["near"][7]
    shown = """() => {
        const model = (name) => Bokeh.documents.at(-1).get_model_by_name(name);
        const { start, end } = model("candle-range");
        return { start, end, time: [...model("candles").data.time], low: [...model("candles").data.low],
                 levels: [...model("way").data.y1], prices: [model("candle-prices").start, model("candle-prices").end],
                 said: document.getElementById("chosen").textContent,
                 chosen: [...document.querySelectorAll("#trade-rows tr")].findIndex((row) => row.ariaSelected) };
    }"""
    whole = page.evaluate(shown)
    assert len(whole["time"]) == sum(high >= 0 for high in drawn["candles"]["whole"]["moves"][2::4])
    page.locator("#trade-rows thead button").first.click()  # ascending, and once more: the last is first
    page.locator("#trade-rows thead button").first.click()
    page.locator("#trade-rows tbody tr").nth(len(trades["R"]) - 8).click()
    told = page.evaluate(shown)
    assert told["said"].startswith(f"Trade 8: {trades['side'][7]}, {trades['R'][7]:+.2f} R, ")
    assert told["levels"] == [trades["exit"][7], trades["stop"][7], trades["target"][7]]
    assert (told["start"], told["chosen"]) == (near["start_ms"], len(trades["R"]) - 7)
    assert told["end"] == near["start_ms"] + near["step_ms"] * len(near["moves"]) / 4
    assert told["prices"][0] < min(told["low"]) <= max(told["levels"]) < told["prices"][1]
    page.keyboard.press("Tab")
    page.locator("#trade-rows tbody tr[aria-selected=true]").focus()
    page.keyboard.press("ArrowUp")
    assert page.evaluate(shown)["said"].startswith("Trade 9: ")
    page.locator("#whole").click()
    assert page.evaluate(shown)["time"] == whole["time"]
    files: dict[str, str] = {}
    for name in ("trades", "equity", "document"):
        with opened.page.expect_download() as made:
            opened.page.locator(f"[data-file={name}]").click()
        files[made.value.suggested_filename] = made.value.path().read_text()
    config_id = document["configId"]
    assert list(files) == [f"{config_id}-trades.csv", f"{config_id}-equity.csv", f"{config_id}.json"]
    table, equity, text = files.values()
    assert text == json.dumps(document, indent=2) + "\n"
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [float(row["return"]) for row in rows] == drawn["trades"]["return"]
    assert [float(row["mae"]) for row in rows] == drawn["excursions"]["mae"]
    assert [row["entry_time"] for row in rows] == drawn["trades"]["entry_time"]
    days = list(csv.DictReader(io.StringIO(equity)))
    assert [float(row["equity"]) for row in days] == drawn["stitched"]["equity"]
    dates = stored_equity(drawn)["date"].tolist()
    assert [row["date"] for row in days] == dates
    assert len(opened.requests) == 1
    assert opened.complaints == []
    # the gates of a phone are cards: nothing of them lies beside the screen
    cells = opened.page.query_selector_all(".gates td")
    boxes = [box for cell in cells if (box := cell.bounding_box())]
    assert len(boxes) > 50
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    opened.page.close()


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
