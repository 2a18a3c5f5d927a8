"""The real firmware on the rig's board, between the emulated bus and a real mosquitto; the gateway is scripted."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from firmware.host.bundle import BOARD, CACHE, build
from firmware.host.bytecode import compiled
from firmware.host.umqtt import source
from hil_tests.board import Board
from hil_tests.bus import Bus
from hil_tests.hub import FAULTS
from hil_tests.ledger import PolledDevice, expected_readings
from hil_tests.scripted_gateway import ScriptedGateway
from hil_tests.services import Mosquitto
from hil_tests.verdict import StoredPoint, compare

DEADLINE = 30.0
PASSWORD = "unit-secret"
PATIENCE = 60.0
"""Seconds for what waits for the firmware's own 20 s and 25 s."""
DEVICES = (PolledDevice("bms1", "jk_pb", 2), PolledDevice("mppt1", "epever_tracer", 1))
UNIT_FILE = """
unit = "raft-01"
period = 1
wifi = {{ ssid = "village", password = "village-secret" }}
broker = {{ host = "127.0.0.1", port = {port}, password = "{password}" }}
bus = {{ uart = 1, tx = 17, rx = 16 }}
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

    def __init__(self, folder: Path, broker: Mosquitto, gateway: ScriptedGateway, bus: Bus, board: Board) -> None:
        self.folder = folder
        self.broker = broker
        self.gateway = gateway
        self.bus = bus
        self.board = board

    def start(self, password: str = PASSWORD, changes: Sequence[tuple[str, str, str]] = ()) -> None:
        """Deploys the firmware and gives the power. `changes` spoil it: file, what is replaced, by what."""
        unit_file = self.folder / "unit.toml"
        unit_file.write_text(UNIT_FILE.format(port=self.broker.port, password=password))
        build(unit_file, self.folder / "bundle", lambda: source(CACHE))
        sources = {name: (BOARD / name).read_text() for name, _, _ in changes}
        for name, sound, spoilt in changes:
            assert sound in sources[name]
            sources[name] = sources[name].replace(sound, spoilt)
        for name, text in sources.items():
            (self.folder / "bundle" / name).with_suffix(".mpy").write_bytes(compiled(name, text.encode()))
        self.board.install(self.folder / "bundle")
        self.board.power_on()

    def wait_for(self, met: Condition, what: str, seconds: float = DEADLINE) -> None:
        try:
            self.gateway.wait_for(met, seconds, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}; console:\n{self.board.console.text()}") from None

    def wait_for_new(self, count: int = 6) -> None:
        """Until so many more readings than now are stored."""
        wanted = len(self.gateway.stored()) + count
        self.wait_for(lambda gateway: len(gateway.stored()) >= wanted, f"{wanted} readings stored")

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
            for reading in stored.values()
            if reading["device"] != "board"
        ]
        verdict = compare(expected, [point for point in points if point.t < latest - 2000])
        assert expected
        assert (verdict.lost, verdict.wrong, verdict.duplicated) == ([], [], []), str(verdict)
        assert not self.bus.ledger.write_attempts()

    def _dated(self, reading: dict[str, Any]) -> int:
        """From another reading of that boot that knows its time."""
        known = next(each for each in self.gateway.stored().values() if each["boot"] == reading["boot"] and each["t"])
        return int(known["t"] - known["up"] + reading["up"])


@pytest.fixture
def raft(tmp_path: Path) -> Iterator[Raft]:
    with (
        Mosquitto(tmp_path, {"gateway": "gateway-secret", "raft-01": PASSWORD}) as broker,
        ScriptedGateway(broker.port, "gateway-secret", "raft-01") as gateway,
        Bus(tmp_path) as bus,
        Board(tmp_path / "board", bus.port, heap="128k") as board,
    ):
        yield Raft(tmp_path, broker, gateway, bus, board)


def test_readings_of_both_devices_and_the_board_arrive_with_their_time(raft: Raft) -> None:
    raft.start()
    raft.wait_for_new(9)
    raft.check_nothing_is_missing()
    readings = raft.gateway.arrivals()
    assert {reading["device"] for reading in readings} == {"bms1", "mppt1", "board"}
    assert not [reading for reading in readings if "error" in reading]
    now = time.time_ns() // 1_000_000
    assert abs(readings[-1]["t"] - now) < 10_000
    assert raft.gateway.statuses()[0]["state"] == "online"
    flash = (raft.board.port.parent / "flash.img").read_bytes()
    assert b'"device":"bms1"' not in flash, "readings were written although each was acknowledged at once"


def test_a_device_that_falls_silent_is_told_once_and_costs_the_other_nothing(raft: Raft) -> None:
    raft.start()
    raft.wait_for_new(4)
    raft.bus.do("vanish", model="jk_pb")
    raft.board.console.wait_for("bms1 (jk_pb, address 2): no answer in 350 ms, 3 tries; check A/B wiring", DEADLINE)
    raft.wait_for_new(8)
    silent = [reading for reading in raft.gateway.arrivals() if reading["device"] == "bms1"][-1]
    assert silent["signals"] == {}
    assert "no answer" in silent["error"]
    raft.bus.do("come_back", model="jk_pb")
    raft.board.console.wait_for("bms1: answers again", DEADLINE)
    assert raft.board.console.text().count("no answer") == 1
    raft.check_nothing_is_missing()


def test_no_fault_on_the_bus_costs_a_reading(raft: Raft) -> None:
    raft.start()
    raft.wait_for_new(4)
    for kind in FAULTS:
        raft.bus.do("fault", kind=kind, times=2)
        raft.wait_for_new(4)
    raft.bus.do("fault", kind="delay", seconds=0.4, times=2)  # the answers come when the master has asked again
    raft.wait_for_new(6)
    assert not [reading for reading in raft.gateway.arrivals() if "error" in reading]
    raft.check_nothing_is_missing()


def test_a_broker_that_freezes_stops_no_poll_and_loses_no_reading(raft: Raft) -> None:
    raft.start()
    raft.wait_for_new()
    raft.broker.freeze()
    raft.board.console.wait_for("link: broker is silent for 25 s; readings are kept", PATIENCE)
    raft.broker.thaw()
    raft.board.console.wait_for("link: connected", PATIENCE)
    raft.wait_for_new(60)
    raft.check_nothing_is_missing()


def test_a_broker_that_is_restarted_is_found_again(raft: Raft) -> None:
    raft.start()
    raft.wait_for_new()
    raft.broker.kill()
    raft.board.console.wait_for("readings are kept until the gateway has them", DEADLINE)
    raft.broker.start()
    raft.board.console.wait_for("link: connected", PATIENCE)
    raft.wait_for_new()
    raft.check_nothing_is_missing()
    assert raft.board.console.text().count("link: connected") == 2


def test_wifi_that_goes_and_returns_loses_no_reading(raft: Raft) -> None:
    raft.start()
    raft.wait_for_new()
    raft.board.set_wifi(reachable=False)
    raft.board.console.wait_for("link: Wi-Fi is gone; readings are kept", DEADLINE)
    raft.board.set_wifi(reachable=True)
    raft.board.console.wait_for("link: connected", PATIENCE)
    raft.wait_for_new()
    raft.check_nothing_is_missing()


def test_a_wrong_password_is_said_plainly_and_once(raft: Raft) -> None:
    raft.start(password="not-the-units")
    raft.board.console.wait_for("link: broker refuses the password of raft-01; [broker] of its settings", DEADLINE)
    raft.bus.do("vanish", model="jk_pb")
    raft.board.console.wait_for("bms1 (jk_pb, address 2): no answer", DEADLINE)  # polling goes on
    assert "not-the-units" not in raft.board.console.text()
    assert raft.board.console.text().count("refuses the password") == 1


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("unit.json", '{"unit": "raft-01", "perio', "unit.json is not JSON; make the bundle anew and deploy it"),
        ("profiles/jk_pb.json", "", "profiles/jk_pb.json is damaged; make the bundle anew and deploy it"),
    ],
)
def test_a_damaged_file_is_one_line_that_comes_again(raft: Raft, name: str, content: str, complaint: str) -> None:
    raft.start()
    raft.board.power_cut()
    damaged = raft.folder / "damaged" / name
    damaged.parent.mkdir(parents=True)
    damaged.write_text(content)
    raft.board.install(raft.folder / "damaged")
    raft.board.power_on()
    for _ in range(2):
        raft.board.console.wait_for(complaint, DEADLINE)
    assert "Traceback" not in raft.board.console.text()


def test_an_unexpected_exception_restarts_the_board_and_costs_no_reading(raft: Raft) -> None:
    raft.gateway.set_acknowledges(acknowledges=False)
    spoilt = "await client.receive(0.2 if self._now() < 8000 else self.no_such_name)"
    raft.start(changes=[("link.py", "await client.receive(0.2)", spoilt)])
    raft.board.console.wait_for("AttributeError", DEADLINE)
    raft.board.console.wait_for("unit: restarting in 5 s", DEADLINE)
    published = raft.gateway.arrivals()
    raft.gateway.set_acknowledges(acknowledges=True)
    raft.board.console.wait_for("started by hard", DEADLINE)
    boots = {reading["boot"] for reading in published}
    assert len(boots) == 1
    identities = {(reading["boot"], reading["seq"]) for reading in published}
    raft.wait_for(lambda gateway: identities <= gateway.stored().keys(), "what was in RAM", DEADLINE)


def test_a_poller_that_hangs_gets_the_watchdog(raft: Raft) -> None:
    raft.start(
        changes=[
            ("poll.py", "await self.poll(device)", "await asyncio.sleep(1000)"),
            ("unit.py", "WATCHDOG = 120000", "WATCHDOG = 2000"),
            ("unit.py", "LONGEST_STALL = 60000", "LONGEST_STALL = 1000"),
        ]
    )
    raft.board.console.wait_for("started by power_on", DEADLINE)
    raft.board.console.wait_for("started by watchdog", DEADLINE)


def test_what_no_one_acknowledged_is_sent_again_and_survives_a_power_cut(raft: Raft) -> None:
    raft.gateway.set_acknowledges(acknowledges=False)
    raft.start()
    raft.wait_for(came_twice(3), "three readings published again", PATIENCE)
    raft.board.power_cut()
    in_flash = {identity for identity, count in times(raft.gateway).items() if count > 1}
    raft.gateway.forget()
    raft.gateway.set_acknowledges(acknowledges=True)
    raft.board.power_on()
    raft.wait_for(lambda gateway: in_flash <= gateway.stored().keys(), "what was in flash", PATIENCE)
    raft.wait_for_new(6)
    raft.board.power_cut()
    raft.board.power_on()
    raft.board.console.wait_for("unit: 0 readings of earlier boots are in flash", DEADLINE)


def has_no_gaps(gateway: ScriptedGateway) -> bool:
    """Of each boot every seq up to the last is stored."""
    lasts: dict[str, int] = {}
    for boot, seq in gateway.stored():
        lasts[boot] = max(seq, lasts.get(boot, 0))
    return len(gateway.stored()) == sum(last + 1 for last in lasts.values())


def times(gateway: ScriptedGateway) -> Counter[tuple[str, int]]:
    return Counter((reading["boot"], reading["seq"]) for reading in gateway.arrivals())


def came_twice(readings: int) -> Condition:
    return lambda gateway: sum(count > 1 for count in times(gateway).values()) >= readings
