"""The real firmware on the rig's board, between the emulated bus and a real mosquitto; the gateway is scripted."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.hub import FAULTS
from hil_tests.raft import DEADLINE, PATIENCE, Condition, Raft
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
    health = next(
        reading["signals"]
        for reading in raft.gateway.arrivals()
        if reading["device"] == "board" and reading["boot"] not in boots
    )
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
