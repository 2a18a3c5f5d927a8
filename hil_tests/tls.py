"""TLS on the rig: a certificate of its own, and nginx before InfluxDB, as a server on the internet has it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from hil_tests.services import HOST, REPOSITORY, STOP_DEADLINE, InfluxDB, Service, find_program


def make_certificate(folder: Path) -> Path:
    """Certificate and key for this host, in one file, good for a day. Whoever is to trust it has to be told."""
    path = folder / "certificate-and-key.pem"
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
    made = subprocess.run(
        [*command, "-keyout", "-", "-out", "-"], check=True, capture_output=True, timeout=STOP_DEADLINE
    )
    path.write_bytes(made.stdout)
    return path


class NginxTls(Service):
    """Passes everything on to InfluxDB, over connections that are kept."""

    program = "nginx"
    debian_package = "nginx-light"

    def __init__(self, folder: Path, influxdb: InfluxDB, certificate: Path) -> None:
        super().__init__(folder)
        self._settings = self.folder / "nginx.conf"
        text = (REPOSITORY / "hil_tests" / "nginx_tls.conf").read_text("utf-8")
        marks = {"FOLDER": self.folder, "PORT": self.port, "INFLUXDB": influxdb.port, "CERTIFICATE": certificate}
        for mark, value in marks.items():
            text = text.replace(f"@{mark}@", str(value))
        self._settings.write_text(text, "utf-8")

    def arguments(self) -> Sequence[str]:
        return ["-p", str(self.folder), "-e", "stderr", "-c", str(self._settings)]
