"""The real firmware on the rig's board, between the emulated bus and a real mosquitto; the gateway is scripted."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hil_tests.hub import FAULTS
from hil_tests.ledger import Exchange
from hil_tests.raft import DEADLINE, PATIENCE, READS, Condition, Raft, measured
from hil_tests.scripted_gateway import ScriptedGateway


@pytest.fixture
def raft(tmp_path: Path) -> Iterator[Raft]:
    with Raft(tmp_path) as made:
        yield made


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
    assert b"000001-0-" not in flash, "readings were written although each was acknowledged at once"


def test_a_device_that_falls_silent_is_told_once_and_costs_the_other_nothing(raft: Raft) -> None:
    raft.start()
    raft.wait_for_new(4)
    raft.bus.do("vanish", model="jk_pb")
    raft.board.console.wait_for("bms1 (jk_pb, address 2): no answer in 350 ms, 3 tries; check A/B wiring", DEADLINE)
    raft.wait_for_new(8)
    silent = [reading for reading in measured(raft.gateway) if reading["device"] == "bms1"][-1]
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


def test_a_poll_asks_only_what_it_must(raft: Raft) -> None:
    raft.start()
    raft.wait_for_new(8)
    for address, reads in READS.items():
        asked = [(each.function, each.start, each.count) for each in exchanges(raft, address)]
        polls = len(asked) // len(reads)
        assert polls >= 3
        assert asked[: polls * len(reads)] == reads * polls


def test_the_bus_is_reported_per_device(raft: Raft) -> None:
    raft.start()
    raft.wait_for_new(4)
    assert {(device, signals["bus_state"]) for device, signals in tallies(raft.gateway)} == {
        ("bms1", "online"),
        ("mppt1", "online"),
    }
    raft.bus.do("vanish", model="jk_pb")
    raft.wait_for(lambda gateway: tallies(gateway)[-1][1]["bus_state"] == "offline", "a device that is offline")
    device, signals = tallies(raft.gateway)[-1]
    assert (device, signals["bus_errors_noise"], signals["bus_errors_refused"]) == ("bms1", 0, 0)
    assert 9 <= signals["bus_errors_silence"] < signals["bus_requests"]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "silence"},
        {"kind": "babble", "count": 3900},  # longer than a try lasts
        {"kind": "delay", "seconds": 0.38},
    ],
    ids=["dead", "babbling", "just too late"],
)
def test_a_bad_device_costs_the_other_no_reading(raft: Raft, fault: dict[str, Any]) -> None:
    raft.start()
    raft.wait_for_new(4)
    raft.bus.do("fault", **fault, times=None, address=2)
    wanted = len(of("mppt1", raft.gateway)) + 5
    raft.wait_for(lambda gateway: len(of("mppt1", gateway)) >= wanted, "the readings of the other device", PATIENCE)
    assert not [reading for reading in of("mppt1", raft.gateway) if "error" in reading]
    raft.bus.do("clear_faults")
    raft.wait_for(lambda gateway: not of("bms1", gateway)[-1].get("error"), "a reading of the mended device", PATIENCE)
    raft.check_nothing_is_missing()


def test_a_span_that_is_refused_whole_costs_only_the_register_that_the_device_lacks(raft: Raft) -> None:
    raft.bus.do("fail", model="jk_pb", address=0x1298, exception=2)
    raft.start()
    raft.wait_for(lambda gateway: len(of("bms1", gateway)) >= 3, "three readings")
    last = of("bms1", raft.gateway)[-1]
    assert "0x1298" in last["error"]
    assert "exception 2" in last["error"]
    assert "current" not in last["signals"]
    assert {"pack_voltage", "temperature_1", "soc", "cell_01_voltage"} <= last["signals"].keys()
    refused = [each for each in exchanges(raft, 2) if each.reply[1:2] == b"\x83"]
    raft.wait_for_new(6)
    assert [each for each in exchanges(raft, 2) if each.reply[1:2] == b"\x83"] == refused


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
        ("unit.json", '{"unit": "raft-01", "perio', "unit.json is not JSON; run make flash with UNIT=... on a laptop"),
        ("profiles/jk_pb.json", "", "profiles/jk_pb.json is damaged; run make flash on a laptop"),
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
    raft.start(
        first="""
import mqtt, time
sound = mqtt.Client.receive
async def receive(self, seconds):
    return await sound(self, seconds if time.ticks_diff(time.ticks_ms(), began) < 8000 else self.no_such_name)
mqtt.Client.receive = receive
began = time.ticks_ms()
"""
    )
    raft.board.console.wait_for("AttributeError", DEADLINE)
    raft.board.console.wait_for("restarting in 5 s", DEADLINE)
    published = raft.gateway.arrivals()
    raft.gateway.set_acknowledges(acknowledges=True)
    raft.board.console.wait_for("start 2, started by hard", DEADLINE)
    boots = {reading["boot"] for reading in published}
    assert len(boots) == 1
    identities = {(reading["boot"], reading["seq"]) for reading in published}
    raft.wait_for(lambda gateway: identities <= gateway.stored().keys(), "what was in RAM", DEADLINE)
    told = of_the_next_start(boots)
    raft.wait_for(lambda gateway: bool(told(gateway)), "the health of the next start")
    health = told(raft.gateway)[0]["signals"]
    assert (health["starts"], health["reset_cause"]) == (2, "hard")
    assert health["last_error"].startswith("start 1: AttributeError: ")


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


def of_the_next_start(boots: set[str]) -> Callable[[ScriptedGateway], list[dict[str, Any]]]:
    """The readings of the board's health that are of none of the boots."""
    return lambda gateway: [
        reading
        for reading in gateway.stored().values()
        if reading["device"] == "board" and reading["boot"] not in boots
    ]


def of(device: str, gateway: ScriptedGateway) -> list[dict[str, Any]]:
    return [reading for reading in measured(gateway) if reading["device"] == device]


def tallies(gateway: ScriptedGateway) -> list[tuple[str, dict[str, Any]]]:
    """What was counted of the bus: device, signals."""
    return [
        (reading["device"], reading["signals"])
        for reading in gateway.stored().values()
        if "bus_state" in reading["signals"]
    ]


def exchanges(raft: Raft, address: int) -> list[Exchange]:
    return [exchange for exchange in raft.bus.ledger.exchanges() if exchange.address == address]


def times(gateway: ScriptedGateway) -> Counter[tuple[str, int]]:
    return Counter((reading["boot"], reading["seq"]) for reading in gateway.arrivals())


def came_twice(readings: int) -> Condition:
    return lambda gateway: sum(count > 1 for count in times(gateway).values()) >= readings
