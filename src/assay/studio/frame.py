"""What every page has: the names of the pages, who is signed in, the theme, and a place for errors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from nicegui import ui

from assay._version import __version__
from assay.errors import AssayError
from assay.studio import addresses
from assay.studio.addresses import STATIC, address
from assay.studio.panels import empty
from assay.studio.visit import Visit
from assay.studio.words import as_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import Request

PAGES = (
    ("Overview", addresses.OVERVIEW),
    ("Data", addresses.DATA),
    ("Strategies", addresses.STRATEGIES),
    ("Train", addresses.TRAIN),
    ("Jobs", addresses.JOBS),
    ("Configurations", addresses.CONFIGURATIONS),
)
PAGE_S = 30.0
"""How long a page may take to be made: on a busy machine the first one after a start takes some seconds, and NiceGUI
answers 500 after three."""
THEME_COOKIE = "assay_theme"

HEAD = f"""
<link rel="stylesheet" href="{STATIC}/studio.css?{__version__}">
<script src="{STATIC}/studio.js?{__version__}" defer></script>
"""


def is_dark(request: Request) -> bool:
    """Whether a browser wants the dark pages; it does unless it says otherwise."""
    return request.cookies.get(THEME_COOKIE) != "light"


@contextmanager
def framed(request: Request, title: str, here: str) -> Iterator[Visit]:
    """Begin a page; what goes wrong while it is built is shown in its place.

    Parameters
    ----------
    here : str
        The page's entry in the list of pages.
    """
    visit = Visit.of(request)
    dark = is_dark(request)
    ui.dark_mode(value=dark)
    ui.page_title(f"{title} · Assay")
    ui.add_head_html(HEAD)
    ui.query("body").classes("dark-page" if dark else "light-page")
    _header(visit, here)
    with ui.element("main").classes("page").props("id=main tabindex=-1"):
        ui.label(title).props("role=heading aria-level=1").classes("hidden-heading")
        try:
            yield visit
        except AssayError as error:
            empty("This cannot be shown", as_page(str(error)))


def _header(visit: Visit, here: str) -> None:
    ui.html('<a class="skip" href="#main">Skip to the page</a>', sanitize=False)
    with ui.element("header").classes("top"):
        ui.html('<a class="brand" href="/studio/">ASSAY <span>STRATEGY STUDIO</span></a>', sanitize=False)
        with ui.element("nav").props('aria-label="Pages"'):
            for name, page in PAGES:
                link = ui.link(name, address(page)).classes("nav-link")
                if page == here:
                    link.classes("here").props("aria-current=page")
        with ui.element("div").classes("who"):
            ui.label("SQLite" if visit.database.is_sqlite else "PostgreSQL").classes("tag").tooltip(visit.database.name)
            ui.label(f"{visit.caller.name} · {visit.caller.role}").classes("tag")
            ui.html(
                '<button type="button" class="plain" data-do="theme" aria-label="Light or dark">◐</button>'
                '<button type="button" class="plain" data-do="sign-out">Sign out</button>',
                sanitize=False,
            ).classes("buttons")


def styles(name: str) -> None:
    """Link a file of styles that one page has."""
    ui.add_head_html(f'<link rel="stylesheet" href="{STATIC}/{name}?{__version__}">')
