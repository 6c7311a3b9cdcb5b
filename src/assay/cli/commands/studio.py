"""`assay studio`: the Strategy Studio in the browser, with everything that it needs beside it."""

import html
import os
import webbrowser
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import typer

from assay.api.access import PAGES, SIGN_IN_PAGE
from assay.cli.commands.serve import ServerOptions, Token, run_server, write_private
from assay.cli.output import Output
from assay.store.location import home

NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Open no browser; the address is printed.")]

WAY_IN = """<!doctype html><meta charset="utf-8"><title>Assay</title>
<meta http-equiv="refresh" content="0; url={address}"><p><a href="{address}">Strategy Studio</a></p>"""
"""A page of this user's own that leads to the Studio: an argument of a command could be read by others."""


@dataclass(frozen=True, kw_only=True)
class StudioOptions(ServerOptions):
    """Options of `assay studio`."""

    no_browser: NoBrowser = False


def studio(output: Output, given: StudioOptions) -> None:
    """Open the Strategy Studio in the browser."""
    way_in = home() / f"studio-{os.getpid()}.html"

    def opened(address: str, token: Token) -> None:
        output.note(f"The Strategy Studio: {address}{PAGES}")
        if given.no_browser or output.json:
            return
        if token.text is None:
            webbrowser.open(f"{address}{PAGES}")
            return
        # behind the '#' it is sent to nobody, and the page takes it away at once
        write_private(way_in, WAY_IN.format(address=html.escape(f"{address}{SIGN_IN_PAGE}#token={token.text}")))
        webbrowser.open(way_in.as_uri())

    try:
        run_server(output, given, lasting=home() / "studio-token", opened=opened)
    finally:
        with suppress(OSError):  # its folder may be none
            way_in.unlink(missing_ok=True)
