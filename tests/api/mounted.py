"""Routes that only tests have; FastAPI reads their annotations when it runs."""

from fastapi import FastAPI, Request, WebSocket

from assay.api.access import Trader, Viewer, access_of, is_still_signed_in
from assay.api.bodies import UPLOADS
from assay.store.database import now_ms


def mount_sockets(app: FastAPI) -> None:
    """Mount `/api/socket` for viewers and `/api/trading-socket` for traders."""

    @app.websocket("/api/socket")
    async def socket(websocket: WebSocket, caller: Viewer) -> None:
        await websocket.accept()
        await websocket.send_text(f"for {caller.name} alone")

    @app.websocket("/api/trading-socket")
    async def trading_socket(websocket: WebSocket, caller: Trader) -> None:
        await websocket.accept()
        await websocket.send_text(f"for {caller.name} alone")


def mount_upload(app: FastAPI) -> str:
    """Mount a route that takes files, and counts their bytes; return its path."""
    path = f"{UPLOADS[0]}/tests"

    @app.post(path)
    async def upload(request: Request, _: Trader) -> int:
        return sum([len(part) async for part in request.stream()])

    return path


def mount_bug(app: FastAPI) -> None:
    """Mount a route that fails."""

    @app.post("/api/bug")
    def bug(_: Viewer) -> None:
        raise ZeroDivisionError


def mount_stream(app: FastAPI, seen: list[bool]) -> None:
    """Mount a route whose caller is disabled while it works."""

    @app.get("/api/stream")
    async def stream(request: Request, caller: Viewer) -> None:
        seen.append(await is_still_signed_in(request))
        access_of(app).accounts.store.disable(caller.name, now_ms())
        seen.append(await is_still_signed_in(request))
