"""TLS on the way to the database: real handshakes with a stand-in that says 204 to everything."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hil_tests.services import HOST, InfluxDB, wait_until
from hil_tests.tls import NginxTls, make_certificate
from hil_tests.village_link import VillageLink
from ingest.answer import Verdict
from ingest.connection import IP_HEADER, TCP_HEADER
from ingest.database import Influxdb1Settings, Influxdb2Settings
from ingest.writer import open_writer

DEADLINE = 5.0
LINE = "m f=1"
PACKET_HEADER = TCP_HEADER + IP_HEADER[socket.AF_INET]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def stand_in_url(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server((HOST, 0)) as listener:

        def answer_once() -> None:
            connection, _ = listener.accept()
            connection.settimeout(DEADLINE)
            with connection:
                try:
                    secured = context.wrap_socket(connection, server_side=True)
                except OSError:  # the client did not trust us
                    return
                with secured:
                    received = b""
                    while not received.endswith(LINE.encode()):
                        received += secured.recv(65536)
                    secured.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=answer_once)
        thread.start()
        yield f"https://{HOST}:{listener.getsockname()[1]}"
        thread.join(DEADLINE)


@pytest.mark.parametrize("kind", ["v1", "v2"])
@pytest.mark.parametrize("trusted", [True, False])
def test_only_a_server_with_a_trusted_certificate_gets_the_lines(
    stand_in_url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch, kind: str, trusted: bool
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    v1, v2 = Influxdb1Settings(stand_in_url, "db"), Influxdb2Settings(stand_in_url, "o", "b", "t")
    settings = v1 if kind == "v1" else v2
    with closing(open_writer(settings, DEADLINE)) as writer:
        answer = writer.write([LINE])
    if trusted:
        assert answer.verdict is Verdict.WRITTEN
    else:
        assert (answer.verdict, answer.sent_bytes) == (Verdict.UNREACHABLE, 0)
        assert "certificate verify failed" in answer.reason


def test_what_tls_costs_is_counted_as_a_proxy_on_the_way_counts_it(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with (
        InfluxDB(tmp_path) as influxdb,
        NginxTls(tmp_path, influxdb, certificate) as nginx,
        VillageLink(nginx.port) as link,
        closing(open_writer(Influxdb1Settings(f"https://{HOST}:{link.port}", "powerunit"), DEADLINE)) as writer,
    ):
        for second in range(20):
            answer = writer.write([f"m f={second} {second}000"])
            assert (answer.verdict, answer.reason) == (Verdict.WRITTEN, "")

        def headers() -> int:
            return writer.wire_bytes - link.bytes_up - link.bytes_down

        # The proxy counts a moment after it has passed something on.
        wait_until(lambda: headers() % PACKET_HEADER == 0, DEADLINE, "the proxy's count to be as the kernel's")
        assert 2 * 20 <= headers() / PACKET_HEADER <= 8 * 20
