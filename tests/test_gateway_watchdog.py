import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.watchdog import LONGEST_FEED, Progress, ServiceManager
from tests.gateway_stand_ins import ScriptedClocks


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Stands in for systemd's end of NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        listener.bind(str(tmp_path / "notify"))
        yield listener


def test_systemd_hears_each_word(systemd: socket.socket) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": systemd.getsockname()})
    manager.starting(90)
    assert systemd.recv(100) == b"EXTEND_TIMEOUT_USEC=90000000"
    for say, word in ((manager.ready, b"READY=1"), (manager.alive, b"WATCHDOG=1"), (manager.stopping, b"STOPPING=1")):
        say()
        assert systemd.recv(100) == word


def test_a_socket_without_a_file_is_one_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        listener.bind("")  # the kernel gives a name of its own, unix(7)
        ServiceManager({"NOTIFY_SOCKET": "@" + listener.getsockname()[1:].decode()}).ready()
        assert listener.recv(100) == b"READY=1"


def test_without_systemd_nothing_is_said() -> None:
    ServiceManager({}).ready()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [({}, LONGEST_FEED), ({"WATCHDOG_USEC": "8000000"}, 4), ({"WATCHDOG_USEC": "600000000"}, LONGEST_FEED)],
)
def test_the_watchdog_is_fed_twice_in_its_time(environment: dict[str, str], seconds: float) -> None:
    assert ServiceManager(environment).feed_interval == seconds


def test_a_thread_is_late_when_it_is_not_back_in_the_time_that_it_gave_itself() -> None:
    clocks = ScriptedClocks()
    progress = Progress(lambda: clocks.boot)
    assert progress.late() == []
    progress.back_within("forward", 60)
    progress.back_within("commit", 10)
    clocks.forward(10_000)
    assert progress.late() == []
    clocks.forward(1)
    assert progress.late() == ["commit"]
    progress.back_within("commit", 10)
    assert progress.late() == []
