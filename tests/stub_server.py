"""A stand-in for whatever answers an HTTP request: no database, it says what the test wrote down, byte for byte."""

import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

DEADLINE = 5.0


@dataclass
class StubServer:
    """Answers the n-th request with the n-th of `answers`, whatever is asked, and hangs up after the last.

    `requests` holds what came, head and body; `connections` counts them.
    """

    answers: list[bytes]
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(DEADLINE)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the test is over
                return
            self.connections += 1
            with connection:
                connection.settimeout(DEADLINE)
                while self._answer(connection):
                    pass

    def _answer(self, connection: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            received = connection.recv(65536)
            if not received:
                return False
            data += received
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        expected = int(lengths[0].split(b":")[1]) if lengths else 0
        while len(body) < expected:
            body += connection.recv(65536)
        self.requests.append((head.decode(), body))
        connection.sendall(self.answers[len(self.requests) - 1])
        return len(self.requests) < len(self.answers)


def http_answer(status: str, body: str = "", *headers: str) -> bytes:
    """A whole answer, e.g. `http_answer("204 No Content")`."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", *headers, "", body]
    return "\r\n".join(lines).encode()
