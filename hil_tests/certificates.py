"""Certificates of the rig, made with openssl: a CA and what it signs, valid today or long ago."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from hil_tests.services import find_program


@dataclass(frozen=True, slots=True)
class Certificate:
    """Both files are PEM."""

    certificate: Path
    key: Path


class Authority:
    """A CA of its own in `folder`, named so."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.files = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
        self._make(self.files, "-x509", "-days", "3650", "-subj", f"/CN={name}")

    @property
    def certificate(self) -> Path:
        return self.files.certificate

    def sign(self, host: str, *, expired: bool = False, is_ca: bool = False) -> Certificate:
        """A certificate for the host, or of a CA that is named so; an `expired` one was valid for a day in 2020."""
        files = Certificate(self._folder / f"{host}.pem", self._folder / f"{host}.key")
        request = self._folder / f"{host}.csr"
        self._make(Certificate(request, files.key), "-subj", f"/CN={host}")
        database = self._folder / "ca.cnf"
        (self._folder / "index.txt").write_text("")
        database.write_text(
            f"[ca]\ndefault_ca=rig\n[rig]\ndatabase={self._folder}/index.txt\nnew_certs_dir={self._folder}\n"
            "rand_serial=yes\ndefault_md=sha256\npolicy=any\nx509_extensions=host\n[any]\ncommonName=supplied\n"
            f"[host]\nsubjectAltName=DNS:{host}\nbasicConstraints=CA:{str(is_ca).upper()}\n"
        )
        dates = ("20200101000000Z", "20200102000000Z") if expired else ("20240101000000Z", "20991231000000Z")
        self._openssl(
            *("ca", "-batch", "-notext", "-config", str(database), "-startdate", dates[0], "-enddate", dates[1]),
            *("-cert", str(self.files.certificate), "-keyfile", str(self.files.key)),
            *("-in", str(request), "-out", str(files.certificate)),
        )
        return files

    def _make(self, files: Certificate, *what: str) -> None:
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        self._openssl("req", *curve, "-keyout", str(files.key), "-out", str(files.certificate), *what)

    @staticmethod
    def _openssl(*arguments: str) -> None:
        subprocess.run([find_program("openssl", "openssl"), *arguments], check=True, capture_output=True)
