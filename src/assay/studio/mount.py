"""`mount_studio`: the pages on an app of the API, behind the same sign-in and limits."""

from __future__ import annotations

import re
import secrets
from importlib import import_module, resources, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from nicegui import core, ui
from starlette.datastructures import MutableHeaders
from starlette.staticfiles import StaticFiles

from assay.api.access import PAGES, SIGN_IN_PAGE, access_of
from assay.api.state import state_of
from assay.studio.visit import Visitors

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_MODULES = ("overview", "data", "strategies", "train", "jobs", "configurations", "configuration", "compare")
"""Modules of `assay.studio.pages`, each of which registers its page."""

FILES = Path(str(resources.files("assay.studio") / "static"))
CHARTS = "vendor/lightweight-charts.standalone.production.js"
"""TradingView's lightweight-charts as the package `lwcharts` ships it (Apache-2.0)."""

RECONNECT_S = 30.0
"""How long a page that lost its connection is kept."""

WEEK = "public, max-age=604800"

POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""Of pages: scripts of this server alone. Vue compiles its templates in the browser, which is 'unsafe-eval'."""

SIGN_IN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def mount_studio(app: FastAPI) -> None:
    """Add the pages to an app of `assay.api.app.create_app`; a process can do so for one app.

    NiceGUI keeps its pages and clients in the process.
    """
    core.app.state.visitors = Visitors(state_of(app), access_of(app))
    for name in PAGE_MODULES:
        import_module(f"assay.studio.pages.{name}")
    _plain_pages(app)
    app.mount(f"{PAGES}/static", _Files(directory=FILES), name="studio-static")
    core.app.add_middleware(PagePolicy)
    core.app.config.socket_io_js_transports = ["websocket"]  # the other one sends bodies that no guard lets in
    ui.run_with(
        app,
        mount_path=PAGES,
        title="Assay",
        dark=True,
        language="en-US",
        favicon=FILES / "favicon.svg",
        reconnect_timeout=RECONNECT_S,
        tailwind=False,
        binding_refresh_interval=None,
        show_welcome_message=False,
    )


def _plain_pages(app: FastAPI) -> None:
    """Add what is shown to whoever is not signed in, and the way from the server's root."""
    package = util.find_spec("lwcharts")  # found and not imported, which would bring pandas
    charts = Path(str(getattr(package, "origin", ""))).parent / CHARTS

    @app.get("/", include_in_schema=False)
    @app.get(PAGES, include_in_schema=False)
    async def _root() -> Response:
        return RedirectResponse(f"{PAGES}/", status_code=303)

    @app.get(SIGN_IN_PAGE, include_in_schema=False)
    async def _sign_in() -> Response:
        text = (FILES / "sign-in.html").read_text(encoding="utf-8")
        return HTMLResponse(text, headers={"Content-Security-Policy": SIGN_IN_POLICY})

    @app.get(f"{PAGES}/lightweight-charts.js", include_in_schema=False)
    async def _charts() -> Response:
        return FileResponse(charts, media_type="text/javascript", headers={"Cache-Control": WEEK})


class _Files(StaticFiles):
    """Files that a browser keeps, and asks each time whether they are still those."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response


class PagePolicy:
    """Give every page a policy that lets its own scripts run and no others, by a number that is used once.

    Parameters
    ----------
    app : callable
        NiceGUI's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        page = bytearray()

        async def watched(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
            elif start is None:
                await send(message)
            else:
                page.extend(message.get("body", b""))
                if not message.get("more_body"):
                    await _send_page(start, bytes(page), send)

        await self._app(scope, receive, watched)


def _is_page(message: Message) -> bool:
    return MutableHeaders(scope=message).get("content-type", "").startswith("text/html")


async def _send_page(start: Message, page: bytes, send: Send) -> None:
    """Send a page whose scripts bear the number that its policy names; texts of users hold no tag, they are escaped."""
    nonce = secrets.token_urlsafe(16)
    page = re.sub(rb"<script(?=[\s>])", f'<script nonce="{nonce}"'.encode(), page)
    headers = MutableHeaders(scope=start)
    headers["content-length"] = str(len(page))
    headers["content-security-policy"] = POLICY.format(nonce=nonce)
    await send(start)
    await send({"type": "http.response.body", "body": page})
