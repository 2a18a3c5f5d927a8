"""The technician's page: read-only, for a phone on the village Wi-Fi, with nothing from outside."""

import errno
import socket
from collections.abc import Callable
from importlib import resources
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingest.settings_file import SettingsError

FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def make_app(
    state: Callable[[], dict[str, Any]], healthy: Callable[[], bool], metrics: Callable[[], bytes]
) -> Starlette:
    """`/`, its two files, `/state.json`, `/metrics` for Prometheus, and `/healthz` (200, or 503 when the gateway cannot
    keep readings).
    """

    def show_state(_request: Request) -> Response:
        return JSONResponse(state(), headers=HEADERS)

    def show_health(_request: Request) -> Response:
        ok = healthy()
        return JSONResponse({"ok": ok}, 200 if ok else 503, headers=HEADERS)

    def show_metrics(_request: Request) -> Response:
        return Response(metrics(), media_type=CONTENT_TYPE_LATEST, headers=HEADERS)

    files = [Route(path, _file(name, media_type)) for path, (name, media_type) in FILES.items()]
    shown = [
        Route("/state.json", show_state),
        Route("/healthz", show_health),
        Route("/metrics", show_metrics),
    ]
    return Starlette(routes=[*files, *shown])


def bind(host: str, port: int) -> socket.socket:
    """The page's socket, taken before anything else starts. Raises SettingsError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        way_out = "choose another page.port or end what holds it" if error.errno == errno.EADDRINUSE else "mend [page]"
        raise SettingsError(f"page {host}:{port}: {error.strerror}; {way_out}") from None
    return listener


def make_server(app: Starlette) -> uvicorn.Server:
    """A server to `run(sockets=[…])` in a thread; setting its `should_exit` ends it."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
    )


def _file(name: str, media_type: str) -> Callable[[Request], Response]:
    content = resources.files("gateway.page").joinpath(name).read_bytes()

    def show(_request: Request) -> Response:
        return Response(content, media_type=media_type, headers=HEADERS)

    return show
