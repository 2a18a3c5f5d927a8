"""The real servers of the rig: each on a free loopback port, in its own folder, ended by its process id.

A service is started by `with`; `kill`, `freeze` and `start` then do to it what a bad day does.
"""

import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlencode

from urllib3 import make_headers

REPOSITORY = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
START_DEADLINE = 20.0
STOP_DEADLINE = 10.0


class ServiceError(RuntimeError):
    """A server that is not installed, did not start, or did not do as asked: one line for people."""


def free_port() -> int:
    """A loopback port that nobody listens on.

    It lies below those that the kernel hands out for outgoing connections, so none of them takes it while its server
    is down.
    """
    while True:
        port = random.randrange(10_000, 32_000)
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


def find_program(name: str, debian_package: str) -> str:
    """The program's path; Debian keeps servers in /usr/sbin, which is not on everyone's PATH."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        raise ServiceError(f"{name} is not installed; apt-get install {debian_package}")
    return path


def wait_until(ready: Callable[[], bool], deadline: float, what: str) -> None:
    """Looks again every 20 ms. Raises ServiceError after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not ready():
        if time.monotonic() > end:
            raise ServiceError(f"{what}: not within {deadline:g} s")
        time.sleep(0.02)


class Service(ABC):
    """One server process. Its port and folder stay the same over every restart; what it says goes to `log`."""

    program: ClassVar[str]
    debian_package: ClassVar[str]
    works_in: ClassVar[Path | None] = None
    """Where the process runs, if not in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder / type(self).__name__.lower()
        self.folder.mkdir(parents=True)
        self.log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._is_prepared = False

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def ended_by_itself(self) -> bool:
        """Whether it was started and is gone, though nobody stopped or killed it."""
        return self._process is not None and self._process.poll() is not None

    @abstractmethod
    def arguments(self) -> Sequence[str]:
        """What follows the program's name on the command line."""

    def prepare(self) -> None:  # noqa: B027, most servers need nothing
        """What it needs once, after its first start."""

    def is_ready(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def start(self) -> None:
        command = [find_program(self.program, self.debian_package), *self.arguments()]
        with self.log.open("ab") as log:
            # A group of its own, so that a Ctrl-C in the terminal reaches only the rig, which then ends it in order.
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.works_in or self.folder, process_group=0
            )
        try:
            wait_until(self._is_up, START_DEADLINE, f"{self.program} on port {self.port}")
            if not self._is_prepared:
                self.prepare()
                self._is_prepared = True
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Asks it to end, and kills it when it does not."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL: what a power cut leaves of a process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It keeps its connections and answers nothing. Returns when its last thread stands still."""
        self._running().send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServiceError(f"{self.program} is not running")
        return self._process

    def _is_up(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            told = self.log.read_text("utf-8", "replace").strip().splitlines() or ["nothing"]
            raise ServiceError(f"{self.program} ended with {self._process.returncode}, its log says: {told[-1]}")
        return self.is_ready()


class Mosquitto(Service):
    """The broker with the configuration of `deploy/mosquitto`; only port and paths are the rig's."""

    program = "mosquitto"
    debian_package = "mosquitto"

    def __init__(self, folder: Path, users: Mapping[str, str], tls: tuple[Path, Path] | None = None) -> None:
        """`users` tells each user's password. With `tls`, a certificate and its key, it speaks nothing else."""
        super().__init__(folder)
        deployed = REPOSITORY / "deploy" / "mosquitto"
        self._passwords = self.folder / "passwords"
        self._settings = self.folder / "mosquitto.conf"
        text = (deployed / "mosquitto.conf").read_text("utf-8")
        for setting, value in (
            ("listener", f"{self.port} {HOST}"),
            ("password_file", str(self._passwords)),
            ("acl_file", str(deployed / "powerunit.acl")),
        ):
            text, found = re.subn(rf"(?m)^{setting} .*$", f"{setting} {value}", text)
            if found != 1:
                raise ServiceError(f"deploy/mosquitto/mosquitto.conf has {found} lines {setting!r}, the rig needs one")
        if tls:
            text += f"certfile {tls[0]}\nkeyfile {tls[1]}\n"
        # Started by root it would drop to the user mosquitto, who cannot read the rig's folder.
        self._settings.write_text(text + ("user root\n" if os.getuid() == 0 else ""), "utf-8")
        self._set_passwords(users)

    def arguments(self) -> Sequence[str]:
        return ["-c", str(self._settings)]

    def _set_passwords(self, users: Mapping[str, str]) -> None:
        self._passwords.touch(mode=0o600)
        self._passwords.write_text("".join(f"{user}:{password}\n" for user, password in users.items()), "utf-8")
        subprocess.run([find_program("mosquitto_passwd", "mosquitto"), "-U", str(self._passwords)], check=True)


def http_request(
    port: int, method: str, target: str, body: str = "", headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """One request on a connection of its own: status and body."""
    with closing(http.client.HTTPConnection(HOST, port, timeout=10)) as connection:
        connection.request(method, target, body.encode(), dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read().decode()


@dataclass(frozen=True, slots=True)
class InfluxUser:
    name: str
    password: str
    privilege: Literal["READ", "WRITE"]


class InfluxDB(Service):
    """InfluxDB 1.6.7 with one database. It asks for passwords when there are `users`."""

    program = "influxd"
    debian_package = "influxdb"
    _ADMIN = ("admin", "admin-of-the-rig")

    def __init__(self, folder: Path, database: str = "powerunit", users: Sequence[InfluxUser] = ()) -> None:
        super().__init__(folder)
        self.database = database
        self._users = users
        self._settings = self.folder / "influxdb.conf"
        self._settings.write_text(
            "reporting-disabled = true\n"
            # For backups, which the rig makes none of; at its default two servers would clash.
            f'bind-address = "{HOST}:{free_port()}"\n'
            f'[meta]\ndir = "{self.folder}/meta"\n'
            f'[data]\ndir = "{self.folder}/data"\nwal-dir = "{self.folder}/wal"\n'
            f'[http]\nbind-address = "{HOST}:{self.port}"\nlog-enabled = false\n'
            f"auth-enabled = {str(bool(users)).lower()}\n"
            "[monitor]\nstore-enabled = false\n",
            "utf-8",
        )

    def arguments(self) -> Sequence[str]:
        return ["run", "-config", str(self._settings)]

    def is_ready(self) -> bool:
        try:
            return http_request(self.port, "GET", "/ping")[0] == 204
        except OSError:
            return False

    def prepare(self) -> None:
        name, password = self._ADMIN
        self.query(f"CREATE USER {name} WITH PASSWORD '{password}' WITH ALL PRIVILEGES")
        self.query(f'CREATE DATABASE "{self.database}"')
        for user in self._users:
            self.query(f"CREATE USER \"{user.name}\" WITH PASSWORD '{user.password}'")
            self.query(f'GRANT {user.privilege} ON "{self.database}" TO "{user.name}"')

    def query(self, influxql: str) -> list[dict[str, Any]]:
        """The answer's rows in order: columns and tags by name, times in UTC milliseconds. Raises ServiceError."""
        form = urlencode({"db": self.database, "epoch": "ms", "q": influxql})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        headers |= make_headers(basic_auth=":".join(self._ADMIN))
        status, body = http_request(self.port, "POST", "/query", form, headers)
        result = json.loads(body).get("results", [{"error": body}])[0]
        if status != 200 or "error" in result:
            raise ServiceError(f"influxd does not answer {influxql}: {result.get('error', status)}")
        return [
            dict(zip(series["columns"], row, strict=True)) | series.get("tags", {})
            for series in result.get("series", [])
            for row in series.get("values", [])
        ]


class VictoriaMetrics(Service):
    """A server of another make that takes the API v2's write. It has numbers only, and refuses nothing."""

    program = "victoria-metrics"
    debian_package = "victoria-metrics"

    def arguments(self) -> Sequence[str]:
        return [
            f"-httpListenAddr={HOST}:{self.port}",
            f"-storageDataPath={self.folder}/data",
            "-retentionPeriod=10y",
            "-dedup.minScrapeInterval=1ms",
            "-search.latencyOffset=0s",
            "-search.disableCache",
            "-memory.allowedBytes=64MiB",
        ]

    def export(self, selector: str, end_ms: int) -> list[dict[str, Any]]:
        """The series that match, with every sample up to `end_ms`: `metric`, `values` and `timestamps` in ms each."""
        http_request(self.port, "GET", "/internal/force_flush")
        query = urlencode({"match[]": selector, "start": 0, "end": end_ms / 1000})
        _, body = http_request(self.port, "GET", f"/api/v1/export?{query}")
        return [json.loads(line) for line in body.splitlines()]


class NginxV2Shim(Service):
    """No InfluxDB 2: a rewrite in front of InfluxDB 1.6.7 that offers the API v2's write. Token: `user:password`."""

    program = "nginx"
    debian_package = "nginx-light"

    def __init__(self, folder: Path, influxdb: InfluxDB) -> None:
        super().__init__(folder)
        self._settings = self.folder / "nginx.conf"
        text = (REPOSITORY / "hil_tests" / "nginx_v2_shim.conf").read_text("utf-8")
        for mark, value in (("@FOLDER@", self.folder), ("@PORT@", self.port), ("@INFLUXDB@", influxdb.port)):
            text = text.replace(mark, str(value))
        self._settings.write_text(text, "utf-8")

    def arguments(self) -> Sequence[str]:
        return ["-p", str(self.folder), "-e", "stderr", "-c", str(self._settings)]
