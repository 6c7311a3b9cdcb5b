"""The pages in a real browser: who gets in, what they show, and that they show it to everybody."""

from __future__ import annotations

import http.client
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import axe_playwright_python
import pytest

from assay.store import Database, Registry
from reports.samples import sample
from studio.conftest import PHONE, SAMPLES, WIDE, Stored, Visitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
INJECTED = """<img src="data:," onerror="window.broken = 1">"""
PAGES = ("/", "/data", "/strategies", "/train", "/jobs", "/configurations")

Visitors = "Callable[..., Visitor]"


def configuration(stored: Stored, name: str) -> str:
    return f"/configurations/{stored.ids[SAMPLES.index(name)]}"


# --- who gets in


def test_whoever_is_not_signed_in_is_sent_to_sign_in_and_back(stored: Stored, visitors: Callable[..., Visitor]) -> None:
    visitor = visitors(stored.studio)
    page = visitor.page
    page.goto(f"{stored.studio.url}/studio/jobs?state=running")
    assert page.url.startswith(f"{stored.studio.url}/studio/sign-in?next=")
    page.get_by_label("Token of this server").fill("a token of nobody, long enough")
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_text("name, password or token are not right").wait_for()
    assert visitor.context.cookies() == []
    assert visitor.complaints
    visitor.complaints.clear()  # the browser's own line about 401
    page.get_by_label("Token of this server").fill(stored.studio.token)
    page.get_by_role("button", name="Sign in").first.click()
    page.wait_for_url("**/studio/jobs?state=running")
    [cookie] = visitor.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/studio/sign-in")
    page.goto(f"{stored.studio.url}/studio/")
    assert "/studio/sign-in" in page.url


def test_a_token_behind_the_hash_is_taken_away(stored: Stored, visitors: Callable[..., Visitor]) -> None:
    visitor = visitors(stored.studio)
    page = visitor.page
    page.goto(f"{stored.studio.url}/studio/sign-in#token={stored.studio.token}")
    page.wait_for_url("**/studio/")
    visitor.settled()
    page.get_by_role("button", name="Light or dark").click()
    page.wait_for_selector("body.light-page")
    page.go_back()
    assert stored.studio.token not in page.url


# --- what they show


@pytest.mark.parametrize("name", SAMPLES)
def test_every_number_is_the_documents(stored: Stored, visitors: Callable[..., Visitor], name: str) -> None:
    document, figures = sample(name)
    visitor = visitors(stored.studio)
    visitor.sign_in()
    page = visitor.go(configuration(stored, name))
    stage = document["lifecycle"]["current_stage"]
    assert page.locator(".stage").first.inner_text() == stage
    assert _tiles(page) >= _expected_tiles(document["metrics"])
    gates = [row.split("\t") for row in page.locator(".gates tbody tr").all_inner_texts()]
    assert [cells[0].startswith("✓") for cells in gates] == [gate["passed"] for gate in document["lifecycle"]["gates"]]
    if figures is not None and figures["trades"]["side"]:
        first = page.locator(".trades tbody tr:has(td:nth-child(5))").nth(0).locator("td").all_inner_texts()
        assert first[1] == figures["trades"]["entry_time"][0][:16].replace("T", " ")
        assert float(first[9]) == round(figures["trades"]["R"][0], 2)
    page.get_by_role("tab", name="Every field").click()
    page.get_by_text("circuit breakers of the portfolio").wait_for()
    shown = _fields(page)
    for key, value in document["parameters"].items():
        assert _same(shown["parameters"][key], value), key
    for key, value in document["portfolio_circuit_breakers"].items():
        assert _same(shown["circuit breakers of the portfolio"][key], value), key
    found = {key: text for title, part in shown.items() if "circuit" not in title for key, text in part.items()}
    compared = [key for key in document["metrics"] if {key, f"metrics.{key}"} & found.keys()]
    assert len(compared) > (30 if name == "promoted" else 1)
    for key in compared:
        assert _same(found.get(key, found.get(f"metrics.{key}", "")), document["metrics"][key]), key


def _tiles(page: Page) -> set[tuple[str, str]]:
    tiles = page.locator(".tile").all()
    return {
        (tile.locator(".tile-label").inner_text().lower(), tile.locator(".tile-value").inner_text()) for tile in tiles
    }


def _expected_tiles(metrics: dict[str, Any]) -> set[tuple[str, str]]:
    """What the document says, in the form that a reader expects."""
    forms = {
        "net profit": ("net_profit_pct", "{:+.2f} %"), "sharpe ratio": ("sharpe_ratio", "{:.2f}"),
        "maximum drawdown": ("max_drawdown_pct", "{:.2f} %"), "trades": ("total_trades", "{:,d}"),
    }  # fmt: skip
    return {
        (label, "unknown" if metrics.get(name) is None else form.format(round(metrics[name], 2) + 0))
        for label, (name, form) in forms.items()
    }


def _fields(page: Page) -> dict[str, dict[str, str]]:
    """The tables of the tab, by their titles: value by field."""
    found: dict[str, dict[str, str]] = page.evaluate(
        """Object.fromEntries([...document.querySelectorAll('.part-title')].map((title) => [
           title.innerText,
           Object.fromEntries([...title.nextElementSibling.querySelectorAll('tbody tr')]
             .map((row) => [...row.cells].map((cell) => cell.innerText)).filter((cells) => cells.length > 2)),
        ]))"""
    )
    return found


def _same(text: str, value: Any) -> bool:
    if value is None:
        return text == "unknown"
    if isinstance(value, bool):
        return text == ("yes" if value else "no")
    if isinstance(value, (int, float)):
        return float(text.replace(",", "")) == pytest.approx(value, rel=1e-5, abs=1e-12)
    return text == str(value)


def test_a_trade_is_gone_to_by_click_and_by_arrow_keys(stored: Stored, visitors: Callable[..., Visitor]) -> None:
    _, figures = sample("promoted")
    assert figures is not None
    trades = figures["trades"]
    visitor = visitors(stored.studio)
    visitor.sign_in()
    page = visitor.go(configuration(stored, "promoted"))
    text = page.locator(".candles-text")
    page.locator(".trades tbody tr:has(td:nth-child(5))").nth(2).click()
    text.get_by_text(re.compile(rf"^3 of {len(trades['side'])}: {trades['side'][2]}")).wait_for()
    page.keyboard.press("ArrowRight")
    text.get_by_text(re.compile(r"^4 of ")).wait_for()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    text.get_by_text(re.compile(rf"^2 of .*{trades['reason'][1]}")).wait_for()


# --- for everybody


@pytest.mark.parametrize("path", [*PAGES, "promoted", "compared"])
def test_nothing_is_in_the_way_of_anybody(stored: Stored, visitors: Callable[..., Visitor], path: str) -> None:
    """No serious finding of axe-core, dark and light; no sideways scroll of a phone's page."""
    path = configuration(stored, path) if path in SAMPLES else path
    path = f"/compare?ids={stored.ids[0]}&ids={stored.ids[1]}" if path == "compared" else path
    visitor = visitors(stored.studio)
    visitor.sign_in()
    page = visitor.go(path)
    assert _serious(page) == []
    visitor.context.add_cookies([{"name": "assay_theme", "value": "light", "domain": "127.0.0.1", "path": "/studio"}])
    page = visitor.go(path)
    assert _serious(page, "{runOnly: ['color-contrast'], resultTypes: ['violations']}") == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})


def _serious(page: Page, how: str = "{resultTypes: ['violations']}") -> list[str]:
    if page.evaluate("typeof window.axe") == "undefined":
        page.evaluate(AXE)
    found = page.evaluate(f"axe.run(document, {how})")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


# --- what goes wrong


def test_what_is_not_there_is_said_in_its_place(visitors: Callable[..., Visitor], stored: Stored) -> None:
    visitor = visitors(stored.studio)
    visitor.sign_in()
    page = visitor.go("/configurations/LIQUIDITY_SWEEP_V3_20260101_000000_000000")
    assert "is not in the registry" in page.locator(".empty-text").inner_text()


def test_documents_are_left_as_they_were(stored: Stored) -> None:
    database = Database.open(stored.studio.home / "assay.db")
    try:
        assert [Registry(database).get(one).document for one in stored.ids] == [sample(name)[0] for name in SAMPLES]
    finally:
        database.close()


# --- what browsers and strangers are told


def test_a_socket_without_a_session_is_told_nothing(stored: Stored, visitors: Callable[..., Visitor]) -> None:
    visitor = visitors(stored.studio)
    visitor.sign_in()
    [cookie] = visitor.context.cookies()
    ours = f"{cookie['name']}={cookie['value']}"
    cases = {
        (None, stored.studio.url): 401,
        (ours, "http://evil.example"): 403,
        ("assay_session=x", stored.studio.url): 401,
    }
    for (sent, origin), expected in cases.items():
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Origin": origin}
        headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        headers |= {} if sent is None else {"Cookie": sent}
        connection = http.client.HTTPConnection("127.0.0.1", stored.studio.port, timeout=10)
        connection.request("GET", "/studio/_nicegui_ws/socket.io/?EIO=4&transport=websocket", headers=headers)
        assert connection.getresponse().status == expected
        connection.close()


def test_the_policy_lets_only_the_servers_own_scripts_run(stored: Stored, visitors: Callable[..., Visitor]) -> None:
    visitor = visitors(stored.studio)
    visitor.sign_in()
    with visitor.page.expect_response(f"{stored.studio.url}/studio/jobs") as answered:
        page = visitor.go("/jobs")
    policy = dict(part.strip().split(" ", 1) for part in answered.value.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["frame-ancestors"], policy["connect-src"]) == ("'none'", "'none'", "'self'")
    assert "'unsafe-inline'" not in policy["script-src"]
    page.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", INJECTED)
    page.wait_for_timeout(200)
    assert page.evaluate("window.broken") is None
    assert any("Content Security Policy" in line for line in visitor.complaints)
    visitor.complaints.clear()
    page.goto(f"{stored.studio.url}/studio/jobs")
    assert (
        dict(answered.value.headers)["content-security-policy"]
        != page.request.get(page.url).headers["content-security-policy"]
    )
