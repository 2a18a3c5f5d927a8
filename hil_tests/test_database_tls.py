"""TLS on the way to the database: real handshakes with a stand-in that says 204 to everything."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hil_tests.services import HOST, find_program
from ingest.answer import Verdict
from ingest.influxdb1 import Influxdb1Settings
from ingest.influxdb2 import Influxdb2Settings
from ingest.writer import open_writer

DEADLINE = 5.0
LINE = "m f=1"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "certificate-and-key.pem"
    command = [
        find_program("openssl", "openssl"),
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]
    command += ["-nodes", "-days", "1", "-subj", "/CN=rig", "-addext", f"subjectAltName=IP:{HOST}"]
    made = subprocess.run([*command, "-keyout", "-", "-out", "-"], check=True, capture_output=True, timeout=DEADLINE)
    path.write_bytes(made.stdout)
    return path


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
