"""The technician's page, for a phone on the village Wi-Fi, with nothing from outside.

Whoever is on that Wi-Fi may read it, by design: what it shows harms nobody, and help comes from whoever looks. The two
actions need the PIN, and come from this page alone: a POST in JSON whose `Origin` is the host that was asked.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.page.charts import Charts
from gateway.page.doors import Doors, Source
from gateway.page.stream import Stream
from ingest.signals import catalogue

T = TypeVar("T")

FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/words.json": ("words.json", "application/json"),
    **{
        f"/{name}.js": (f"{name}.js", "text/javascript")
        for name in ("page", "live", "words", "build", "views", "chart")
    },
}
HEADERS = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

WORKERS = 4
"""Threads that ask the gateway for the page; the disk is slower than more of them."""

BODY_BYTES = 1024
BODY_SECONDS = 5.0


def make_app(doors: Doors) -> Starlette:
    """`/` and its files, `/state.json`, the same live at `/events`, `/history.json`, `/losses.json`; `/metrics` for
    Prometheus and `/healthz` (200, or 503 when the gateway cannot keep readings); POST `/acknowledge` and `/export`.
    """
    limiter = CapacityLimiter(WORKERS)

    async def ask(call: Callable[[], T]) -> T:
        return await to_thread.run_sync(call, limiter=limiter)

    stream = Stream(lambda: ask(doors.state))
    charts = Charts(doors.history, doors.utc_ms)

    async def show_state(_request: Request) -> Response:
        return JSONResponse(await ask(doors.state), headers=HEADERS)

    async def show_events(_request: Request) -> Response:
        return stream.response(HEADERS)

    async def show_history(request: Request) -> Response:
        unit, device, measurement, span = (
            request.query_params.get(name, "") for name in ("unit", "device", "measurement", "span")
        )
        return await show_past(lambda: charts.series(Source(unit, device, measurement), span))

    async def show_losses(_request: Request) -> Response:
        return await show_past(charts.losses)

    async def show_past(read: Callable[[], bytes]) -> Response:
        try:
            return Response(await ask(read), media_type="application/json", headers=HEADERS)
        except ValueError as error:
            return _told(400, str(error))
        except OSError as error:
            return _told(503, error.strerror or str(error))

    async def show_health(_request: Request) -> Response:
        ok = await ask(doors.healthy)
        return JSONResponse({"ok": ok}, 200 if ok else 503, headers=HEADERS)

    async def show_metrics(_request: Request) -> Response:
        return Response(await ask(doors.metrics), media_type=CONTENT_TYPE_LATEST, headers=HEADERS)

    async def acknowledge(request: Request) -> Response:
        return await _act(request, doors, lambda said: _acknowledge(doors, said, ask))

    async def export(request: Request) -> Response:
        return await _act(request, doors, lambda _said: _export(doors, ask))

    units = {name: {signal.name: signal.unit for signal in of.values()} for name, of in catalogue().items()}

    async def show_signals(_request: Request) -> Response:
        return JSONResponse(units, headers=HEADERS)

    files = [Route(path, _file(name, media_type)) for path, (name, media_type) in FILES.items()]
    shown = {
        "/signals.json": show_signals,
        "/state.json": show_state,
        "/events": show_events,
        "/history.json": show_history,
        "/losses.json": show_losses,
    }
    watched = {"/healthz": show_health, "/metrics": show_metrics}
    actions = {"/acknowledge": acknowledge, "/export": export}
    return Starlette(
        routes=[
            *files,
            *(Route(path, show) for path, show in (shown | watched).items()),
            *(Route(path, act, methods=["POST"]) for path, act in actions.items()),
        ]
    )


async def _act(request: Request, doors: Doors, action: Callable[[dict[str, Any]], Awaitable[Response]]) -> Response:
    """The action, for a request that is the page's own and brings the PIN. A wrong PIN is answered with 403, and with
    429 and the seconds to wait when it was not even looked at.
    """
    origin = request.headers.get("origin", "")
    if origin.partition("://")[2] != request.headers.get("host") or request.headers.get("sec-fetch-site") not in (
        None,
        "same-origin",
    ):
        return _told(403, "not asked by this page")
    if doors.pin is None:
        return _told(404, "no [page] pin_file is set")
    said = await _body(request)
    if said is None:
        return _told(400, f"give a JSON object of at most {BODY_BYTES} bytes")
    if wait := doors.pin.wait_seconds():
        return JSONResponse({"error": "too many wrong PINs", "wait": wait}, 429, headers=HEADERS)
    given = said.get("pin")
    if not isinstance(given, str) or not doors.pin.fits(given):
        return JSONResponse({"error": "wrong PIN", "wait": doors.pin.wait_seconds()}, 403, headers=HEADERS)
    return await action(said)


async def _acknowledge(
    doors: Doors, said: Mapping[str, Any], ask: Callable[[Callable[[], bool]], Awaitable[bool]]
) -> Response:
    match doors.acknowledge, said.get("unit"), said.get("device"), said.get("name"):
        case Callable() as known, str(unit), str(device), str(name) if await ask(lambda: known(unit, device, name)):
            return JSONResponse({"ok": True}, headers=HEADERS)
    return _told(404, "no such alarm")


async def _export(doors: Doors, ask: Callable[[Callable[[], bool]], Awaitable[bool]]) -> Response:
    if doors.export is None:
        return _told(404, "no [page] export_folder is set")
    if not await ask(doors.export):
        return _told(409, "an export runs already")
    return JSONResponse({"ok": True}, 202, headers=HEADERS)


async def _body(request: Request) -> dict[str, Any] | None:
    if request.headers.get("content-type") != "application/json":
        return None
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > BODY_BYTES:
                    return None
        said = json.loads(body)
    except (TimeoutError, ClientDisconnect, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _told(status: int, error: str) -> Response:
    return JSONResponse({"error": error}, status, headers=HEADERS)


def _file(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = resources.files("gateway.page").joinpath(name).read_bytes()

    async def show(_request: Request) -> Response:
        return Response(content, media_type=media_type, headers=HEADERS)

    return show
