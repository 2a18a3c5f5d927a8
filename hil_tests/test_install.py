"""The gateway as `make install-gateway` puts it onto a machine, below a folder of the test: real packages and files,
the real broker and the real gateway started from them. What a folder cannot show is systemd itself: no service is
started by it here; it only judges the unit.
"""

import hashlib
import json
import os
import queue
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from hil_tests.services import HOST, REPOSITORY, Service, http_request

TOOL = REPOSITORY / "tools" / "gateway-service"
UNIT = REPOSITORY / "deploy" / "systemd" / "powerunit-gateway.service"
EXPOSURE_TENTHS = "15"
DEADLINE = 10


def tool(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(TOOL), "--root", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine's root with the gateway and two units installed. Tests change nothing in it that others read."""
    root = tmp_path_factory.mktemp("root")
    done = tool(root, "install")
    assert done.returncode == 0, done.stderr
    for unit in ("raft-01", "raft-02"):
        assert tool(root, "add-unit", unit, "--password-file", str(password_file(root.parent, unit))).returncode == 0
    return root


def password_file(folder: Path, unit: str) -> Path:
    path = folder / f"{unit}.password"
    path.write_text(f"secret-of-{unit}\n", "utf-8")
    return path


def contents(root: Path) -> dict[str, tuple[str, int, int]]:
    """Each file's hash, mode and time."""
    return {
        str(path.relative_to(root)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mode,
            path.stat().st_mtime_ns,
        )
        for path in root.rglob("*")
        if path.is_file()
    }


class InstalledBroker(Service):
    """The broker with the installed configuration; only port and paths are the test's."""

    program = "mosquitto"
    debian_package = "mosquitto"

    def __init__(self, folder: Path, root: Path) -> None:
        super().__init__(folder)
        installed = (root / "etc/mosquitto/powerunit.conf").read_text("utf-8")
        text = installed.replace("/etc/mosquitto", f"{root}/etc/mosquitto").replace(
            "listener 1883", f"listener {self.port} {HOST}"
        )
        assert sum(str(root) in line for line in text.splitlines() if not line.startswith("#")) == 2
        assert str(self.port) in text
        self._settings = self.folder / "mosquitto.conf"
        self._settings.write_text(text + ("user root\n" if os.getuid() == 0 else ""), "utf-8")

    def arguments(self) -> Sequence[str]:
        return ["-c", str(self._settings)]


class InstalledGateway(Service):
    """The gateway as the unit file starts it, with the installed Python; `python` is set by the test."""

    program = "installed by the test"
    debian_package = "python3"

    def __init__(self, folder: Path, root: Path, broker_port: int) -> None:
        super().__init__(folder)
        self.works_in = root / "opt/powerunit"  # type: ignore[misc]
        self.program = str(root / "opt/powerunit/venv/bin/python")  # type: ignore[misc]
        settings = (root / "etc/powerunit/gateway.toml").read_text("utf-8")
        for installed, here in (
            ("/var/lib/powerunit", str(self.folder)),
            ("port = 1883", f"port = {broker_port}"),
            ("port = 8080", f"port = {self.port}"),
            ("0.0.0.0", HOST),
            ("https://influx.example.org:8086", "http://127.0.0.1:1"),
        ):
            assert installed in settings
            settings = settings.replace(installed, here)
        (self.folder / "gateway.toml").write_text(settings, "utf-8")
        for secret in ("broker.password", "database.secret", "page.pin"):
            (self.folder / secret).write_text((root / "etc/powerunit" / secret).read_text("utf-8") or "x", "utf-8")

    def arguments(self) -> Sequence[str]:
        started = re.search(r"(?m)^ExecStart=/opt/powerunit/venv/bin/python (.*)$", UNIT.read_text("utf-8"))
        assert started
        return started[1].replace("/etc/powerunit", str(self.folder)).split()

    def is_ready(self) -> bool:
        try:
            return http_request(self.port, "GET", "/healthz")[0] == 200
        except OSError:
            return False


@pytest.fixture(scope="module")
def broker(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstalledBroker]:
    with InstalledBroker(tmp_path_factory.mktemp("broker"), root) as broker:
        yield broker


class Client:
    """One connection to the broker; `heard` holds what came."""

    def __init__(self, port: int, user: str | None, password: str | None) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._connected: queue.Queue[str] = queue.Queue()
        self._subscribed: queue.Queue[list[int]] = queue.Queue()
        self._mqtt = mqtt.Client(CallbackAPIVersion.VERSION2)
        if user is not None:
            self._mqtt.username_pw_set(user, password)
        self._mqtt.on_connect = lambda _c, _d, _f, reason, _p: self._connected.put(str(reason))
        self._mqtt.on_subscribe = lambda _c, _d, _m, codes, _p: self._subscribed.put([code.value for code in codes])
        self._mqtt.on_message = lambda _c, _d, message: self.heard.put((message.topic, bytes(message.payload)))
        self._mqtt.connect(HOST, port)
        self._mqtt.loop_start()

    def answer(self) -> str:
        return self._connected.get(timeout=DEADLINE)

    def subscribe(self, topic: str) -> None:
        self._mqtt.subscribe(topic, 1)
        self._subscribed.get(timeout=DEADLINE)

    def publish(self, topic: str, payload: str) -> None:
        self._mqtt.publish(topic, payload, 1).wait_for_publish(DEADLINE)

    def close(self) -> None:
        self._mqtt.disconnect()
        self._mqtt.loop_stop()


@contextmanager
def connected(port: int, user: str, password: str) -> Iterator[Client]:
    client = Client(port, user, password)
    try:
        assert client.answer() == "Success"
        yield client
    finally:
        client.close()


def test_a_second_install_changes_nothing(root: Path) -> None:
    before = contents(root)
    done = tool(root, "install")
    assert done.returncode == 0, done.stderr
    assert contents(root) == before
    assert "Installing the gateway; what is new or changed:\nInstalled." in done.stdout


def test_secrets_are_for_root_alone_and_in_no_other_file(root: Path) -> None:
    password = (root / "etc/powerunit/broker.password").read_text("utf-8").strip()
    assert len(password) >= 20
    for secret in (
        "etc/powerunit/broker.password",
        "etc/powerunit/database.secret",
        "etc/powerunit/page.pin",
        "etc/mosquitto/powerunit.passwords",
    ):
        assert (root / secret).stat().st_mode & 0o777 == 0o600
    holders = [path for path in root.rglob("etc/**/*") if path.is_file() and password in path.read_text("utf-8")]
    assert holders == [root / "etc/powerunit/broker.password"]


def test_the_service_has_a_user_of_its_own_and_starts_with_the_machine(root: Path) -> None:
    assert re.search(
        r"^powerunit:.*:/var/lib/powerunit:/usr/sbin/nologin$", (root / "etc/passwd").read_text(), re.MULTILINE
    )
    link = root / "etc/systemd/system/multi-user.target.wants/powerunit-gateway.service"
    assert str(link.readlink()) == "/etc/systemd/system/powerunit-gateway.service"


def test_a_unit_keeps_its_password_unless_another_is_asked_for(root: Path) -> None:
    passwords = root / "etc/mosquitto/powerunit.passwords"
    try:
        first = tool(root, "add-unit", "raft-09")
        shown = re.findall(r'password = "([a-z2-7]{24})"', first.stdout)
        kept = passwords.read_text("utf-8")
        again = tool(root, "add-unit", "raft-09")
        assert (first.returncode, len(shown), again.returncode) == (0, 1, 0)
        assert "keeps its password" in again.stdout
        assert passwords.read_text("utf-8") == kept
        other = tool(root, "add-unit", "raft-09", "--new-password")
        assert re.findall(r'password = "([a-z2-7]{24})"', other.stdout) not in ([], shown)
        assert len(re.findall(r"(?m)^raft-09:", passwords.read_text("utf-8"))) == 1
    finally:
        lines = passwords.read_text("utf-8").splitlines(keepends=True)
        passwords.write_text("".join(line for line in lines if not line.startswith("raft-09:")), "utf-8")


@pytest.mark.parametrize(
    "name", ["", "gateway", "Raft-01", "1raft", "raft/01", "raft 01", "raft+", "r" * 33, "raft\n01"]
)
def test_a_name_that_is_no_units_is_refused(root: Path, name: str) -> None:
    before = contents(root)
    done = tool(root, "add-unit", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert "give a small letter, then up to 31 of a-z 0-9 _ -" in done.stderr
    assert contents(root) == before


@pytest.mark.parametrize("password", ["short", "with space", "with:colon", "two\nlines-are-wrong", "Hạ Long Bay"])
def test_a_password_that_the_broker_could_not_hold_is_refused_and_not_shown(
    root: Path, tmp_path: Path, password: str
) -> None:
    file = tmp_path / "password"
    file.write_text(password, "utf-8")
    done = tool(root, "add-unit", "raft-08", "--password-file", str(file))
    assert done.returncode == 2
    assert "8 visible ASCII characters" in done.stderr
    assert password not in done.stderr


def test_without_a_gateway_no_unit_is_let_in(tmp_path: Path) -> None:
    done = tool(tmp_path, "add-unit", "raft-01")
    assert (done.returncode, "make install-gateway first" in done.stderr) == (2, True)


def test_each_unit_speaks_below_its_own_topic_only(root: Path, broker: InstalledBroker) -> None:
    gateway_password = (root / "etc/powerunit/broker.password").read_text("utf-8").strip()
    with (
        connected(broker.port, "gateway", gateway_password) as gateway,
        connected(broker.port, "raft-01", "secret-of-raft-01") as one,
        connected(broker.port, "raft-02", "secret-of-raft-02") as two,
    ):
        gateway.subscribe("powerunit/v1/+/reading")
        gateway.subscribe("powerunit/v1/+/status")
        one.subscribe("powerunit/v1/#")
        two.subscribe("powerunit/v1/raft-02/ack")
        one.publish("powerunit/v1/raft-02/reading", "forged")
        one.publish("powerunit/v1/raft-02/ack", "forged")
        one.publish("powerunit/v1/raft-01/ack", "forged")
        one.publish("powerunit/v1/raft-01/status", "here")
        two.publish("powerunit/v1/raft-02/reading", "mine")
        heard = {gateway.heard.get(timeout=DEADLINE) for _ in range(2)}
        assert heard == {("powerunit/v1/raft-01/status", b"here"), ("powerunit/v1/raft-02/reading", b"mine")}
        for unit in ("raft-02", "raft-01"):
            gateway.publish(f"powerunit/v1/{unit}/ack", f"to {unit}")
        assert two.heard.get(timeout=DEADLINE) == ("powerunit/v1/raft-02/ack", b"to raft-02")
        assert one.heard.get(timeout=DEADLINE) == ("powerunit/v1/raft-01/ack", b"to raft-01")
        assert gateway.heard.empty()
        assert one.heard.empty()
        assert two.heard.empty()


@pytest.mark.parametrize(("user", "password"), [(None, None), ("raft-01", "guessed"), ("raft-77", "secret-of-raft-01")])
def test_nobody_else_is_let_in(broker: InstalledBroker, user: str | None, password: str | None) -> None:
    client = Client(broker.port, user, password)
    try:
        assert client.answer() == "Not authorized"
    finally:
        client.close()


def test_the_installed_gateway_keeps_a_reading_that_a_unit_sends(
    root: Path, broker: InstalledBroker, tmp_path: Path
) -> None:
    reading = {"boot": "00000000000000aa", "seq": 0, "device": "bms1", "model": "jk_pb", "measurement": "bms", "up": 0}
    reading |= {"t": None, "sent": 5, "oldest": 0, "signals": {"soc": 50}}
    with (
        InstalledGateway(tmp_path, root, broker.port),
        connected(broker.port, "raft-01", "secret-of-raft-01") as unit,
    ):
        unit.subscribe("powerunit/v1/raft-01/ack")
        unit.publish("powerunit/v1/raft-01/reading", json.dumps(reading))
        topic, payload = unit.heard.get(timeout=DEADLINE)
    assert (topic, json.loads(payload)["seq"]) == ("powerunit/v1/raft-01/ack", 0)


def test_systemd_finds_no_fault_in_the_unit(root: Path, tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace("/opt/powerunit", f"{root}/opt/powerunit"), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stderr, done.returncode) == ("", 0)


def test_systemd_calls_the_unit_well_locked() -> None:
    """At most 1.5 of 10 points of exposure; what is left is the network, which it needs, and asking for NTP's state."""
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_TENTHS}", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-300:]


def test_uninstalling_keeps_readings_settings_and_passwords_unless_they_are_to_go(tmp_path: Path) -> None:
    for path in (
        "opt/powerunit/gateway/x",
        "var/lib/powerunit/journal/segment-00000001.frames",
        "etc/powerunit/gateway.toml",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x", "utf-8")
    unit = tmp_path / "etc/systemd/system/powerunit-gateway.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("x", "utf-8")
    done = tool(tmp_path, "uninstall")
    assert done.returncode == 0, done.stderr
    assert sorted(contents(tmp_path)) == [
        "etc/powerunit/gateway.toml",
        "var/lib/powerunit/journal/segment-00000001.frames",
    ]
    assert tool(tmp_path, "uninstall").returncode == 0
    assert tool(tmp_path, "uninstall", "--purge").returncode == 0
    assert contents(tmp_path) == {}
