"""`assay studio`: what is opened in the browser, and that its token stays where this user alone reads it."""

from __future__ import annotations

import stat
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

from assay.api import server
from assay.store.accounts import AccountStore
from assay.studio import mount

if TYPE_CHECKING:
    from cli.conftest import Assay


class Browser:
    """Notes what it was asked to open, and reads it where it is a file."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.pages: list[tuple[str, int]] = []

    def open(self, address: str) -> bool:
        self.opened.append(address)
        if address.startswith("file:"):
            path = Path(unquote(urlsplit(address).path))
            self.pages.append((path.read_text(), stat.S_IMODE(path.stat().st_mode)))
        return True


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    """Stand for the user's browser; nothing is served."""
    found = Browser()

    def serve(_: Any, __: Any, serving: Any) -> bool:
        serving.on_ready()
        serving.on_end()
        return True

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setattr(mount, "mount_studio", lambda _: None)
    monkeypatch.setattr(webbrowser, "open", found.open)
    return found


def test_a_browser_is_signed_in_by_a_file_that_is_gone_afterwards(
    assay: Assay, browser: Browser, tmp_path: Path
) -> None:
    ran = assay("studio", "--no-workers", "--port", 0, "--home", tmp_path)
    assert ran.code == 0, ran.err
    token = (tmp_path / "studio-token").read_text().strip()
    [(page, mode)] = browser.pages
    assert mode == stat.S_IMODE((tmp_path / "studio-token").stat().st_mode) == 0o600
    assert f"/studio/sign-in#token={token}" in page
    assert token not in browser.opened[0] + ran.err + ran.out, "arguments of a command can be read by others"
    assert not list(tmp_path.glob("studio-*.html"))
    assert assay("studio", "--no-workers", "--port", 0, "--home", tmp_path).code == 0
    assert (tmp_path / "studio-token").read_text().strip() == token, "who is signed in stays so"


@pytest.mark.parametrize("options", [("--no-browser",), ("--json",)])
def test_no_browser_is_opened_where_none_is_wanted(
    assay: Assay, browser: Browser, tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert assay("studio", "--no-workers", "--port", 0, "--home", tmp_path, *options).code == 0
    assert browser.opened == []


def test_where_users_sign_in_the_page_asks_them(
    assay: Assay, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AccountStore, "is_open", lambda _: True)
    assert assay("studio", "--no-workers", "--port", 0, "--home", tmp_path).code == 0
    [address] = browser.opened
    assert (urlsplit(address).scheme, urlsplit(address).path, urlsplit(address).fragment) == ("http", "/studio", "")
    assert not (tmp_path / "studio-token").exists()


def test_a_token_file_of_before_that_is_no_token_is_said(assay: Assay, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "studio-token").write_text("short\n")
    ran = assay("studio", "--no-workers", "--port", 0, "--home", tmp_path)
    assert ran.code == 2
    assert "at least 20" in ran.err
    assert browser.opened == []
