"""The list of configurations and their comparison in a real browser, from the first filter to the undo."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reports.samples import sample
from studio.test_pages import _serious

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from studio.conftest import Stored, Visitor


def listed(page: Page) -> list[str]:
    """The ids of the rows that are shown."""
    return [name.removeprefix("Choose ") for name in (
        box.get_attribute("aria-label") or "" for box in page.locator("tbody input[type=checkbox]").all()
    )]  # fmt: skip


def row(page: Page, config_id: str) -> Locator:
    return page.locator("tbody tr", has=page.get_by_label(f"Choose {config_id}", exact=True))


def shown(page: Page, rows: str) -> None:
    page.locator(".bar").get_by_text(rows, exact=True).wait_for()


def test_a_list_is_filtered_compared_and_changed(stored: Stored, visitors: Callable[..., Visitor]) -> None:
    promoted, refused, plain = stored.ids
    visitor = visitors(stored.studio)
    visitor.sign_in()
    page = visitor.go("/configurations")
    shown(page, "1 to 3 of 3")
    page.locator("svg.sparkline").first.wait_for()
    assert set(listed(page)) == set(stored.ids)
    metrics = sample("promoted")[0]["metrics"]
    cells = row(page, promoted).inner_text().split("\t")
    expected = (f"{metrics['sharpe_ratio']:.2f}", f"{metrics['net_profit']:+,.0f}", f"{metrics['total_trades']:,d}",
                f"{100 * metrics['win_rate']:.1f} %", f"{metrics['max_drawdown_pct']:.1f} %")  # fmt: skip
    assert [cell.strip() for cell in cells][5:10] == list(expected)

    # order and filters stand in the address, and a reload shows the same
    page.get_by_role("button", name="Sharpe", exact=True).click()
    page.locator("th[aria-sort=descending]").get_by_text("Sharpe").wait_for()
    page.get_by_label("Stage").click()
    page.get_by_role("option", name="PAPER").click()
    shown(page, "1 to 2 of 2")
    page.get_by_label(f"Choose {refused}", exact=True).check()
    page.get_by_text("1 chosen", exact=True).wait_for()
    assert re.search(r"\?stage=PAPER&sort=sharpe_ratio&chosen=", page.url)
    page.reload()
    visitor.settled()
    shown(page, "1 to 2 of 2")
    page.get_by_text("1 chosen", exact=True).wait_for()
    page.get_by_label("Least trades").fill("1000000")
    page.get_by_role("button", name="Clear the filters").click()
    shown(page, "1 to 3 of 3")

    # what is not proven is refused in words; what is active says so
    row(page, plain).get_by_role("button", name="Activate").click()
    page.get_by_role("dialog").get_by_role("button", name="Activate").click()
    page.get_by_text("which gives it 0 % of the capital").wait_for()
    row(page, promoted).get_by_role("button", name="Activate").click()
    page.get_by_role("dialog").get_by_text("Nothing else is active for its market.").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Activate").click()
    row(page, promoted).get_by_text("● on").wait_for()

    # many at once: seen before, and taken back after a reload
    page.get_by_role("button", name="Archive by a measure").click()
    page.get_by_text("2 configurations without this measure would stay").wait_for()
    page.get_by_role("combobox", name="Measure").click()
    page.get_by_role("option", name="Trades").click()
    page.get_by_label("Value").fill("1000")
    page.get_by_text("2 configurations would be archived. 1 active one would stay").wait_for()
    page.locator(".q-notification").first.wait_for(state="detached")  # what it covers cannot be judged
    assert _serious(page) == []
    page.get_by_role("button", name="Archive 2", exact=True).click()
    shown(page, "1 to 1 of 1")
    page.reload()
    visitor.settled()
    page.get_by_text("2 configurations were archived together").wait_for()
    page.get_by_role("button", name="Undo").click()
    shown(page, "1 to 3 of 3")
    row(page, promoted).get_by_role("button", name="Deactivate").click()
    row(page, promoted).get_by_role("button", name="Activate").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    text = download.value.path().read_text()
    assert all(one in text for one in stored.ids)


def test_configurations_are_compared(stored: Stored, visitors: Callable[..., Visitor]) -> None:
    promoted, refused, plain = stored.ids
    visitor = visitors(stored.studio)
    visitor.sign_in()
    page = visitor.go(f"/configurations?chosen={promoted}&chosen={refused}&chosen={plain}")
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url(f"**/compare?ids={promoted}&ids={refused}&ids={plain}")
    visitor.settled()
    stages = [sample(name)[0]["lifecycle"]["current_stage"] for name in ("promoted", "refused", "plain")]
    assert page.locator(".member .stage").all_inner_texts() == stages
    assert page.locator(".member").nth(1).get_by_text("Why not promoted").is_visible()
    assert page.locator(".heat tr").all_inner_texts()[1].split() == ["A", "1.00", "\N{EN DASH}"]
    assert page.get_by_text("this describes what was").is_visible()
    page.locator("tr", has_text="sharpe_ratio").first.get_by_text("≠").wait_for()
    few = page.locator("tbody tr").count()
    page.get_by_role("switch", name="Only what differs").click()
    page.wait_for_url("**show=all")
    page.wait_for_function("n => document.querySelectorAll('tbody tr').length > n", arg=few)
    assert _serious(page) == []
    page.get_by_role("link", name="Leave out C").click()
    page.wait_for_url(f"**/compare?ids={promoted}&ids={refused}")


def test_an_address_that_names_nothing_leads_back(stored: Stored, visitors: Callable[..., Visitor]) -> None:
    visitor = visitors(stored.studio)
    visitor.sign_in()
    for path, words in (
        ("/compare?ids=A", "Choose 2 to 8 configurations"),
        ("/compare?ids=A&ids=B", "There is no configuration A"),
        ("/configurations?sort=config_json", "This address names no list"),
        ("/configurations?stage=GOOD", "This address names no list"),
    ):
        page = visitor.go(path)
        page.get_by_text(words).wait_for()
        assert str(page.locator("#main a").first.get_attribute("href")).startswith("/studio/configurations"), path
