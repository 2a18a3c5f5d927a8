import socket

import pytest
from urllib3 import connection_from_url

from ingest.connection import TCP_HEADER, Meter, traffic
from ingest.database import Influxdb1Settings, Influxdb2Settings
from ingest.influxdb import InfluxdbWriter
from tests.stub_server import StubServer, http_answer

NO_CONTENT = http_answer("204 No Content")
HEADERS = TCP_HEADER + 20
LINES = [f"bms,unit=raft-01 soc={soc}.0 17640000000{soc}" for soc in range(10, 90)]


def exchanged(server: StubServer) -> int:
    """Bytes of the requests that came and of the answers that went."""
    requests = sum(len(head.encode()) + len("\r\n\r\n") + len(body) for head, body in server.requests)
    return requests + len(NO_CONTENT) * len(server.requests)


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_every_byte_of_requests_and_answers_is_counted_and_the_headers_of_their_packets(kind: str) -> None:
    with StubServer([NO_CONTENT] * 3) as server:
        v1, v2 = Influxdb1Settings(server.url, "db", "gateway", "secret"), Influxdb2Settings(server.url, "o", "b", "t")
        writer = InfluxdbWriter(v1 if kind == "v1" else v2, 5.0)
        assert writer.wire_bytes == 0
        counted = []
        for _ in range(3):
            writer.write(LINES)
            counted.append(writer.wire_bytes)
        writer.close()
    assert counted == sorted(counted)
    packets, rest = divmod(writer.wire_bytes - exchanged(server), HEADERS)
    assert rest in (0, 1)  # the end of a connection counts as a byte of it
    assert 10 <= packets <= 40  # three ways of hello, two or three of goodbye, and for each request some


def test_what_the_kernel_tells_is_what_was_sent_and_received() -> None:
    ours, listener = socket.socket(), socket.create_server(("127.0.0.1", 0))
    with ours, listener:
        ours.connect(listener.getsockname())
        theirs, _ = listener.accept()
        with theirs:
            ours.sendall(bytes(1000))
            while theirs.recv(4096, socket.MSG_PEEK) != bytes(1000):
                pass
            theirs.sendall(bytes(333))
            while ours.recv(4096, socket.MSG_PEEK) != bytes(333):
                pass
            assert traffic(ours).payload == 1333
            assert traffic(ours).packets >= 4


def test_connections_are_added_up_and_none_stays_open() -> None:
    with StubServer([NO_CONTENT]) as first, StubServer([NO_CONTENT]) as second:
        counted = []
        for server in (first, second):
            with connection_from_url(server.url) as pool:
                meter = Meter(pool)
                pool.urlopen("GET", "/")
            counted.append(meter.wire_bytes)
            pool.close()
            assert meter.wire_bytes >= counted[-1] > HEADERS


def test_an_attempt_that_leads_to_no_connection_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    writer = InfluxdbWriter(Influxdb1Settings(f"http://127.0.0.1:{port}", "db"), 5.0)
    assert writer.ping().reason == "no connection: Connection refused"
    assert writer.wire_bytes == 0
    writer.close()


def test_a_handshake_that_fails_has_cost_something_too() -> None:
    with StubServer([NO_CONTENT]) as server:
        writer = InfluxdbWriter(Influxdb1Settings(server.url.replace("http", "https"), "db"), 5.0)
        answer = writer.ping(1.0)
        writer.close()
    assert "no TLS connection" in answer.reason or "no whole answer" in answer.reason
    assert writer.wire_bytes > 500
