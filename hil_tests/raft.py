"""One unit on the rig: the real firmware on the rig's board, between the emulated bus and a real mosquitto.

The gateway is scripted.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from firmware.host.bundle import CACHE, build
from firmware.host.umqtt import source
from hil_tests.board import Board
from hil_tests.bus import Bus
from hil_tests.ledger import PolledDevice, expected_readings
from hil_tests.scripted_gateway import ScriptedGateway
from hil_tests.services import Mosquitto
from hil_tests.verdict import StoredPoint, compare

DEADLINE = 30.0
PATIENCE = 60.0
"""Seconds for what waits for the firmware's own 20 s and 25 s."""
HEAP = "160k"
"""128 kB for the firmware, and the rest for what the chip has in ROM or in C: the shims of `machine`, `network` and
flash hold 15 kB before it starts, and some 10 kB more while it works. hil_tests/test_day.py shows that 128 kB do.
"""
PASSWORD = "unit-secret"
WIFI_PASSWORD = "village-secret"
DEVICES = (PolledDevice("bms1", "jk_pb", 2), PolledDevice("mppt1", "epever_tracer", 1))
READS = {
    2: [(3, 0x1200, 32), (3, 0x128A, 28), (3, 0x12F8, 3)],
    1: [(4, 0x3100, 8), (4, 0x310C, 6), (4, 0x3201, 1), (4, 0x330C, 8), (4, 0x331B, 2), (2, 0x200C, 1)],
}
"""By slave address: every read of one poll."""
UNIT_FILE = """
unit = "raft-01"
period = 1
{more}
wifi = {{ ssid = "village", password = "{wifi_password}" }}
[broker]
host = "127.0.0.1"
port = {port}
password = "{password}"
{broker}
[bus]
uart = 1
tx = 17
rx = 16
[[devices]]
name = "bms1"
model = "jk_pb"
address = 2
[[devices]]
name = "mppt1"
model = "epever_tracer"
address = 1
"""

Condition = Callable[[ScriptedGateway], bool]


class Raft:
    """Bus, board, broker and scripted gateway of one unit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            users = {"gateway": "gateway-secret", "raft-01": PASSWORD}
            self.broker = parts.enter_context(Mosquitto(self.folder, users))
            self.gateway = parts.enter_context(ScriptedGateway(self.broker.port, "gateway-secret", "raft-01"))
            self.bus = parts.enter_context(Bus(self.folder))
            self.board = parts.enter_context(Board(self.folder / "board", self.bus.port, heap=HEAP))
            self._parts = parts.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.__exit__(kind, error, trace)

    def start(
        self, *, port: int | None = None, password: str = PASSWORD, broker: str = "", more: str = "", first: str = ""
    ) -> None:
        """Deploys the firmware and gives the power.

        `port` is another than the broker's own; `broker` and `more` are further lines of the unit's file, in [broker]
        and at its top. `first` runs before the unit does: Python that shortens its times or spoils it.
        """
        unit_file = self.folder / "unit.toml"
        settings = {"port": port or self.broker.port, "password": password, "broker": broker, "more": more}
        unit_file.write_text(UNIT_FILE.format(**settings, wifi_password=WIFI_PASSWORD))
        build(unit_file, self.folder / "bundle", lambda: source(CACHE))
        main = self.folder / "bundle" / "main.py"
        program = main.read_text()
        assert program.count("import unit\n") == 1
        main.write_text(program.replace("import unit\n", first + "\nimport unit\n"))
        self.board.install(self.folder / "bundle")
        self.board.power_on()

    def wait_for(self, met: Condition, what: str, seconds: float = DEADLINE) -> None:
        try:
            self.gateway.wait_for(met, seconds, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}; console:\n{self.board.console.text()}") from None

    def wait_for_new(self, count: int = 6) -> None:
        """Until so many more readings of what the devices measure than now are stored."""
        wanted = len(measured(self.gateway)) + count
        self.wait_for(lambda gateway: len(measured(gateway)) >= wanted, f"{wanted} readings stored")

    def check_nothing_is_missing(self) -> None:
        """What the devices answered is what the gateway has, once, in time, with its values; no seq is left out."""
        self.wait_for(has_no_gaps, "the readings in between", PATIENCE)
        stored = self.gateway.stored()
        latest = max(reading["t"] or 0 for reading in stored.values())
        expected = [
            reading
            for reading in expected_readings(self.bus.ledger.exchanges(), DEVICES)
            if reading.ended < latest - 2000
        ]
        points = [
            StoredPoint(reading["device"], reading["t"] or self._dated(reading), reading["signals"])
            for reading in measured(self.gateway)
        ]
        verdict = compare(expected, [point for point in points if point.t < latest - 2000])
        assert expected
        assert (verdict.lost, verdict.wrong, verdict.duplicated) == ([], [], []), str(verdict)
        assert not self.bus.ledger.write_attempts()

    def _dated(self, reading: dict[str, Any]) -> int:
        """From another reading of that boot that knows its time."""
        known = next(each for each in self.gateway.stored().values() if each["boot"] == reading["boot"] and each["t"])
        return int(known["t"] - known["up"] + reading["up"])


def measured(gateway: ScriptedGateway) -> list[dict[str, Any]]:
    """The stored readings of what the devices measure: those of the board and of its bus are left out."""
    return [reading for reading in gateway.stored().values() if reading["measurement"] != "unit"]


def has_no_gaps(gateway: ScriptedGateway) -> bool:
    """Of each boot every seq up to the last is stored."""
    lasts: dict[str, int] = {}
    for boot, seq in gateway.stored():
        lasts[boot] = max(seq, lasts.get(boot, 0))
    return len(gateway.stored()) == sum(last + 1 for last in lasts.values())
