"""What the stand-ins for HTTP servers share: a free port, a thread, and their end."""

import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

DEADLINE = 5.0


class HttpStandIn(ABC):
    """Answers from `with` on until its end."""

    _server: ThreadingHTTPServer
    _thread: threading.Thread

    @abstractmethod
    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Who answers the requests."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(DEADLINE)
