import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.alarm_rules import DEFAULT, load
from gateway.clock import Clock
from gateway.journal import Journal
from gateway.page.server import bind
from gateway.receive import Receiver
from gateway.service import Service
from gateway.settings import BrokerSettings, PageSettings, Settings
from gateway.watchdog import ServiceManager
from hil_tests.services import wait_until
from ingest.database import Influxdb1Settings
from tests.gateway_stand_ins import RecordingDisk, entry

GETS_ON = b"EXTEND_TIMEOUT_USEC=90000000"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Nobody listens on port 1, neither as broker nor as database."""
    return Settings(
        site="rig",
        broker=BrokerSettings("127.0.0.1", 1, "gateway", "secret"),
        journal_folder=tmp_path,
        journal_limit=16_000_000,
        commit_interval=1,
        forward_interval=1,
        database=Influxdb1Settings("http://127.0.0.1:1", "powerunit"),
        page=PageSettings("127.0.0.1", 0),
        rules=load(DEFAULT),
    )


def run(settings: Settings, stop: threading.Event) -> int:
    with bind(settings.page.host, settings.page.port) as page:
        return Service(settings, RecordingDisk(), Clock(), page, stop=stop, manager=ServiceManager({})).run()


def test_it_ends_in_order_without_broker_and_database(settings: Settings) -> None:
    stop = threading.Event()
    stop.set()
    assert run(settings, stop) == 0


def test_it_does_not_limp_on_without_one_of_its_threads(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Receiver, "run", lambda _self: None)
    assert run(settings, threading.Event()) == 1
    assert "'receive'" in caplog.text


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Stands in for systemd's end of NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(10)
        listener.bind(str(tmp_path / "notify"))
        yield listener


@contextmanager
def running(settings: Settings, systemd: socket.socket, disk: RecordingDisk | None = None) -> Iterator[None]:
    """The service, watched and fed every 10 ms, until the block ends."""
    stop = threading.Event()
    manager = ServiceManager({"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "20000"})
    with bind(settings.page.host, settings.page.port) as page:
        service = threading.Thread(
            target=Service(settings, disk or RecordingDisk(), Clock(), page, stop=stop, manager=manager).run
        )
        service.start()
        try:
            yield
        finally:
            stop.set()
            service.join()


def test_systemd_hears_that_it_is_ready_gets_on_and_ends(settings: Settings, systemd: socket.socket) -> None:
    with running(settings, systemd):
        assert systemd.recv(100) == GETS_ON
        assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    while (word := systemd.recv(100)) != b"STOPPING=1":
        assert word == b"WATCHDOG=1"


@pytest.mark.parametrize("room", ["commit.Committer", "forward.Forwarder", "receive.Receiver"])
def test_the_watchdog_is_not_fed_while_a_thread_hangs(
    settings: Settings,
    systemd: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    room: str,
) -> None:
    name = room.split(".", maxsplit=1)[0]
    released = threading.Event()
    monkeypatch.setattr(f"gateway.{room}.run", lambda *_arguments: released.wait())
    monkeypatch.setattr(f"gateway.service.{name.upper()}_SLACK", -60)
    with running(settings, systemd):
        wait_until(lambda: f"no sign comes from {name}" in caplog.text, 10, "a word on the thread that hangs")
        released.set()
    assert [systemd.recv(100) for _ in range(3)] == [GETS_ON, b"READY=1", b"STOPPING=1"]


def test_a_start_that_has_much_to_read_is_not_taken_for_one_that_hangs(
    settings: Settings, systemd: socket.socket
) -> None:
    """systemd ends a start that took 90 s, and two months without a link are not read in that time."""
    disk = RecordingDisk()
    journal = Journal(disk, segment_bytes=1)
    for seq in range(2):
        journal.commit([entry(seq)])
    with running(settings, systemd, disk):
        words = list(iter(lambda: systemd.recv(100), b"READY=1"))
    assert words == [GETS_ON] * (1 + 2 + 2), (
        "at the beginning, for each segment, and for each frame that is heard again"
    )
