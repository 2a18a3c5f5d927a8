import json
from dataclasses import replace
from typing import Any

from gateway.alarm_rules import DEFAULT, load
from gateway.alarms import LATE_QUIET_MS, Alarms, GatewayState
from gateway.entry import Entry
from ingest.points import reading_line
from ingest.signals import catalogue
from tests.gateway_stand_ins import KERNEL, UNIT, UTC_2026, entry

RULES = load(DEFAULT)
BITS = {"jk_pb": {"protections": {"4": "cell over-voltage", "11": "cell under-voltage"}}}
FINE = GatewayState(10**10, None)
MINUTE = 60_000

Change = tuple[int, str, Any]
"""Milliseconds from UTC_2026, which alarm, and whether it begins."""


class Bench:
    """Alarms that hear one reading after the other; `seconds` count from UTC_2026 and from the start."""

    def __init__(self, alarms: Alarms | None = None) -> None:
        self.alarms = alarms or Alarms(RULES, BITS, KERNEL)
        self.seq = 0

    def entry(self, seconds: float, signals: dict[str, Any], **changes: Any) -> Entry:
        self.seq += 1
        ms = round(1000 * seconds)
        said: dict[str, Any] = {"signals": signals, "up": ms, "sent": ms} | changes
        return entry(self.seq, (UTC_2026 + ms, "device"), **said)

    def hear(
        self, seconds: float, signals: dict[str, Any], *, now: float | None = None, **changes: Any
    ) -> list[Change]:
        heard = self.entry(seconds, signals, **changes)
        return changes_of(self.alarms.heard([heard], round(1000 * (seconds if now is None else now))))

    def look(self, seconds: float, gateway: GatewayState = FINE, *, trusted: bool = True) -> list[Change]:
        ms = round(1000 * seconds)
        return changes_of(self.alarms.look(gateway, ms, UTC_2026 + ms if trusted else None))

    def names(self) -> set[str]:
        return {name for _, _, name in self.alarms.active()}


def changes_of(events: list[Entry]) -> list[Change]:
    return [
        (
            event.dated[0] - UTC_2026 if event.dated else -1,
            str(event.reading.signals["name"]),
            event.reading.signals["state"],
        )
        for event in events
    ]


def test_a_limit_is_on_after_its_delay_and_off_when_the_value_is_well_back() -> None:
    bench = Bench()
    assert bench.hear(0, {"soc": 19.0}) == []
    assert bench.hear(59, {"soc": 19.0}) == []
    assert bench.hear(60, {"soc": 18.0}) == [(60_000, "soc_low", True)]
    assert bench.hear(70, {"soc": 25.0}) == []
    assert bench.hear(80, {"soc": 19.0}) == []
    assert bench.hear(90, {"soc": 30.0}) == [(90_000, "soc_low", False)]


def test_a_value_that_was_back_meanwhile_begins_its_delay_anew() -> None:
    bench = Bench()
    for seconds, soc in ((0, 19.0), (50, 21.0), (60, 19.0), (110, 19.0)):
        assert bench.hear(seconds, {"soc": soc}) == []
    assert bench.hear(120, {"soc": 19.0}) == [(120_000, "soc_low", True)]


def test_a_reading_without_the_value_changes_nothing() -> None:
    bench = Bench()
    bench.hear(0, {"soc": 19.0})
    assert bench.hear(30, {"current": 1.0}) == []
    assert bench.hear(60, {"soc": 19.0}) == [(60_000, "soc_low", True)]
    assert bench.hear(70, {}, error="no answer") == []


def test_the_worst_of_several_signals_counts() -> None:
    bench = Bench()
    bench.hear(0, {"temperature_1": 20.0, "temperature_5": 51.0})
    assert bench.hear(60, {"temperature_1": 51.5, "temperature_5": 20.0}) == [(60_000, "cell_hot", True)]


def test_the_rules_name_what_an_alarm_has_to_be_made_of() -> None:
    names = {rule.limit.name for rule in RULES.limits}
    assert {"soc_low", "cell_spread", "cell_hot", "cell_cold"} <= names
    assert RULES.bits == {"bms": ("protections", "warnings"), "charge_controller": ("faults",)}


def test_each_protection_is_an_alarm_by_its_name_and_no_two_are_at_one_time() -> None:
    bench = Bench()
    assert bench.hear(0, {"protections": 0}) == []
    assert bench.hear(10, {"protections": 1 << 4 | 1 << 11}) == [
        (10_000, "cell over-voltage", True),
        (10_001, "cell under-voltage", True),
    ]
    assert bench.hear(20, {"protections": 1 << 11}) == [(20_000, "cell over-voltage", False)]
    assert bench.hear(30, {"protections": 1 << 11 | 1 << 20}) == [(30_000, "protections bit 20", True)]
    assert bench.hear(40, {"protections": 1 << 11}) == [(40_000, "protections bit 20", False)]


def test_a_fault_of_the_charge_controller_is_an_alarm() -> None:
    bench = Bench(Alarms(RULES, {"epever_tracer": {"faults": {"0": "PV array short circuit"}}}, KERNEL))
    controller: dict[str, Any] = {"device": "pv1", "model": "epever_tracer", "measurement": "charge_controller"}
    assert bench.hear(0, {"faults": 1}, **controller) == [(0, "PV array short circuit", True)]


def test_an_implausible_value_is_told_and_nothing_else_is_said_of_it() -> None:
    bench = Bench()
    assert bench.hear(0, {"pack_voltage": 6553.5, "soc": 50}) == [(0, "pack_voltage implausible", True)]
    assert bench.hear(10, {"pack_voltage": 6553.5}) == []
    assert bench.hear(20, {"pack_voltage": 52.0}) == [(20_000, "pack_voltage implausible", False)]


def test_a_text_that_a_signal_does_not_know_is_told_without_a_number() -> None:
    bench = Bench()
    controller: dict[str, Any] = {"device": "pv1", "model": "epever_tracer", "measurement": "charge_controller"}
    assert bench.hear(0, {"stage": "bulk"}, **controller) == []
    assert bench.hear(10, {"stage": "boost\n"}, **controller) == [(10_000, "stage implausible", True)]
    alarm = bench.alarms.active()["raft-01", "pv1", "stage implausible"]
    assert (alarm.value, alarm.text) == (
        None,
        r"'boost\n', not off night bulk absorption float equalize current_limit fault",
    )
    assert bench.hear(20, {"stage": "float"}, **controller) == [(20_000, "stage implausible", False)]


def test_an_event_is_a_point_of_the_catalogue() -> None:
    bench = Bench()
    (event,) = bench.alarms.heard([bench.entry(0, {"pack_voltage": 6553.5})], 0)
    assert event.dated is not None
    line, set_aside = reading_line("bay", event.reading, *event.dated)
    assert set_aside == []
    assert line == (
        "event,device=bms1,model=jk_pb,site=bay,unit=raft-01 "
        'name="pack_voltage implausible",state=true,value=6553.5,text="6553.5 V, not 0 to 120" ' + str(UTC_2026)
    )
    assert event.reading.signals.keys() == catalogue()["event"].keys()


def test_an_event_of_a_reading_without_a_time_gets_it_with_the_reading() -> None:
    bench = Bench()
    undated = replace(bench.entry(7, {"protections": 1 << 4}), dated=None)
    (event,) = bench.alarms.heard([undated], 0)
    assert (event.dated, event.key, event.reading.up) == (None, undated.key, 7000)


def test_a_silent_device_is_told_from_its_last_value_on() -> None:
    bench = Bench()
    bench.hear(0, {"soc": 50})
    bench.hear(10, {}, error="no answer")
    assert bench.look(299) == []
    assert bench.look(300) == [(300_000, "silent", True)]
    assert bench.look(305) == []
    assert bench.hear(400, {}, error="no answer") == []
    assert bench.hear(410, {"soc": 50}) == [(410_000, "silent", False)]


def test_what_the_board_tells_of_its_bus_keeps_no_device_from_being_silent() -> None:
    bench = Bench()
    bench.hear(0, {"soc": 50})
    bench.hear(290, {"bus_requests": 7}, measurement="unit")
    assert bench.look(300) == [(300_000, "silent", True)]
    assert bench.look(1000) == []


def test_a_late_reading_leaves_the_present_alone() -> None:
    bench = Bench()
    bench.hear(1000, {"soc": 50})
    for seconds in (0, 100, 200):
        assert bench.hear(seconds, {"soc": 5}, now=1000) == []
    assert bench.names() == set()
    assert bench.hear(1010, {"soc": 50}) == []


def test_a_late_protection_is_told_at_its_own_time_and_does_not_stay_on() -> None:
    bench = Bench()
    bench.hear(1000, {"protections": 0})
    assert bench.hear(0, {"protections": 1 << 4}, now=1010) == [(0, "cell over-voltage", True)]
    assert bench.hear(10, {"protections": 1 << 4 | 1 << 11}, now=1010) == [(10_000, "cell under-voltage", True)]
    assert bench.hear(20, {"protections": 1 << 11}, now=1010) == [(20_000, "cell over-voltage", False)]
    assert bench.names() == set()
    assert bench.look(1010 + LATE_QUIET_MS / 1000 - 1) == [(1300_000, "silent", True)]
    assert bench.look(1010 + LATE_QUIET_MS / 1000) == [(20_501, "cell under-voltage", False)]


def test_a_late_reading_does_not_tell_again_what_was_on_then() -> None:
    bench = Bench()
    bench.hear(0, {"protections": 1 << 4})
    bench.hear(1000, {"protections": 1 << 4})
    assert bench.hear(500, {"protections": 1 << 4}, now=1000) == []


def test_a_reading_that_outlived_its_boards_restart_is_late() -> None:
    bench = Bench()
    bench.alarms.heard([replace(bench.entry(5, {"protections": 0}, boot="00000000000000bb"), dated=None)], 0)
    old = replace(bench.entry(9000, {"soc": 5}, sent=None), dated=None)
    bench.alarms.heard([old], 0)
    assert bench.hear(10, {"soc": 50}, boot="00000000000000bb") == []


def test_the_gateways_own_alarms() -> None:
    bench = Bench()
    full, spent = GatewayState(10**8, None), GatewayState(10**10, 91.0)
    assert bench.look(0, full) == []
    assert bench.look(60, full) == [(60_000, "disk", True)]
    assert bench.look(70) == [(70_000, "disk", False)]
    assert bench.look(80, spent) == [(80_000, "budget", True)]
    assert bench.look(90, GatewayState(10**10, 85.0)) == []
    assert bench.look(100, GatewayState(10**10, 80.0)) == [(100_000, "budget", False)]


def test_that_the_time_is_not_known_is_told_at_once_without_a_time() -> None:
    bench = Bench()
    assert bench.look(0, trusted=False) == []
    [event] = bench.alarms.look(FINE, 900_000, None)
    assert (event.dated, event.key, event.reading.up) == (None, ("gateway", KERNEL), 900_000)
    assert bench.names() == {"clock"}
    assert bench.look(1000) == [(1_000_000, "clock", False)]


def test_an_alarm_is_acknowledged_until_it_is_over() -> None:
    bench = Bench()
    bench.hear(0, {"protections": 1 << 4})
    assert bench.alarms.acknowledge(UNIT, "bms1", "cell over-voltage")
    assert not bench.alarms.acknowledge(UNIT, "bms1", "cell under-voltage")
    assert not bench.alarms.acknowledge("raft-99", "bms1", "cell over-voltage")
    (alarm,) = bench.alarms.active().values()
    assert (alarm.since, alarm.value, alarm.text, alarm.acknowledged) == (UTC_2026, None, "cell over-voltage", True)
    bench.hear(10, {"protections": 0})
    bench.hear(20, {"protections": 1 << 4})
    (alarm,) = bench.alarms.active().values()
    assert not alarm.acknowledged


def test_the_state_survives_as_a_document() -> None:
    bench = Bench()
    bench.hear(1000, {"soc": 19.0, "protections": 1 << 4})
    bench.hear(500, {"protections": 1 << 11})
    bench.alarms.acknowledge(UNIT, "bms1", "cell over-voltage")
    again = Bench(Alarms(RULES, BITS, KERNEL))
    again.alarms.restore(json.loads(json.dumps(bench.alarms.state())), 0)
    assert again.alarms.active() == bench.alarms.active()
    assert again.hear(1060, {"soc": 19.0, "protections": 1 << 4}) == [(1_060_000, "soc_low", True)]
    assert again.look(LATE_QUIET_MS / 1000)[-1] == (500_501, "cell under-voltage", False)


def test_what_is_told_already_is_not_made_again() -> None:
    bench = Bench()
    first = bench.entry(0, {"protections": 1 << 4 | 1 << 11})
    events = bench.alarms.heard([first], 0)
    again = Bench()
    again.alarms.told(events[:1])
    assert changes_of(again.alarms.heard([first], 0)) == [(1, "cell under-voltage", True)]
    assert again.alarms.caught_up([], 0) == []
    assert again.names() == {"cell over-voltage", "cell under-voltage"}


def test_what_time_made_is_as_it_was_told() -> None:
    bench = Bench()
    heard = bench.entry(0, {"soc": 50})
    bench.alarms.heard([heard], 0)
    silent = bench.alarms.look(GatewayState(10**8, None), 300_000, UTC_2026 + 300_000)
    silent += bench.alarms.look(GatewayState(10**8, None), 360_000, UTC_2026 + 360_000)
    assert [name for _, name, _ in changes_of(silent)] == ["silent", "disk"]
    again = Bench()
    again.alarms.told(silent)
    again.alarms.heard([heard], 360_000)
    assert again.alarms.caught_up([], 360_000) == []
    assert again.names() == {"silent", "disk"}
    assert (again.look(400, GatewayState(10**8, None)), again.look(700, GatewayState(10**8, None))) == ([], [])
    back = Bench()
    back.alarms.told(silent)
    back.alarms.heard([heard, bench.entry(310, {"soc": 50})], 360_000)
    assert changes_of(back.alarms.caught_up([], 360_000)) == [(310_000, "silent", False)]


def test_what_is_made_here_makes_no_alarm() -> None:
    bench = Bench()
    (event,) = bench.alarms.heard([bench.entry(0, {"protections": 1 << 4})], 0)
    lost = {"readings": 1, "last_seq": 2, "duration": 0.0, "reason": "spool_full"}
    loss = bench.entry(1, lost, device="board", model="esp32", measurement="loss")
    assert bench.alarms.heard([event, loss], 0) == []
    assert {unit for unit, _, _ in bench.alarms.active()} == {UNIT}


def test_a_protection_that_changes_with_every_reading_is_counted_and_not_told_each_time() -> None:
    bench = Bench()
    told = [change for number in range(8640) for change in bench.hear(10 * number, {"protections": number % 2 << 4})]
    assert [state for _, _, state in told[:6]] == [True, False, True, False, True, True]
    assert len(told) == RULES.flapping.changes + 23
    assert bench.names() == {"cell over-voltage"}


def test_a_late_protection_that_changes_with_every_reading_is_counted_too() -> None:
    bench = Bench()
    bench.hear(100_000, {"protections": 0})
    late = [bench.hear(10 * number, {"protections": number % 2 << 4}, now=100_010) for number in range(360)]
    assert sum(map(len, late)) == RULES.flapping.changes
    assert bench.look(100_010 + LATE_QUIET_MS / 1000)[-1] == (3_590_501, "cell over-voltage", False)


def test_a_delay_across_a_restart_of_a_board_without_a_clock_begins_anew_and_ends() -> None:
    bench = Bench()
    for seconds, boot in ((0, "00000000000000aa"), (5, "00000000000000bb"), (70, "00000000000000bb")):
        undated = replace(bench.entry(seconds, {"soc": 19.0}, boot=boot), dated=None)
        events = bench.alarms.heard([undated], round(1000 * seconds))
    assert [event.reading.signals["name"] for event in events] == ["soc_low"]


OTHER = "00000000000000bb"


def health(bench: Bench, seconds: float, boot: str = OTHER) -> list[Change]:
    return bench.hear(seconds, {"uptime": seconds}, device="board", model="esp32", measurement="unit", boot=boot)


def test_a_device_that_its_unit_no_longer_names_is_silent_no_longer() -> None:
    bench = Bench()
    bench.hear(0, {"soc": 50})
    assert bench.look(300) == [(300_000, "silent", True)]
    for minute in range(10, 130):
        assert health(bench, 60 * minute) == []
    events = bench.alarms.heard(
        [bench.entry(7800, {"uptime": 1.0}, device="board", model="esp32", measurement="unit", boot=OTHER)], 7_800_000
    )
    assert changes_of(events) == [(7_800_000, "silent", False)]
    assert (events[0].reading.device, events[0].reading.model) == ("bms1", "jk_pb")
    assert events[0].reading.signals["text"] == "over: no value for 300 s; its unit no longer names this device"
    assert bench.look(10_000) == [(8_100_000, "silent", True)], "the board itself"
    assert [device for _, device, _ in bench.alarms.active()] == ["board"]


def test_a_device_that_does_not_answer_is_still_named() -> None:
    bench = Bench()
    bench.hear(0, {"soc": 50})
    bench.look(300)
    for minute in range(10, 200):
        health(bench, 60 * minute)
        bench.hear(60 * minute + 10, {}, error="no answer", boot=OTHER)
    assert (UNIT, "bms1", "silent") in bench.alarms.active()


def test_a_device_of_the_same_boot_is_not_removed() -> None:
    bench = Bench()
    bench.hear(0, {"soc": 50}, boot=OTHER)
    for minute in range(200):
        assert health(bench, 60 * minute) == []


def test_the_end_of_a_removed_devices_silence_survives_a_crash_before_it_was_told() -> None:
    bench = Bench()
    heard = [bench.entry(0, {"soc": 50})]
    bench.alarms.heard(heard, 0)
    silent = bench.alarms.look(FINE, 300_000, UTC_2026)
    again = Bench()
    again.alarms.heard(heard, 0)
    again.alarms.told(silent)
    again.seq = bench.seq
    events = [change for minute in range(10, 131) for change in health(again, 60 * minute)]
    assert events == [(7_800_000, "silent", False)]
    assert again.alarms.caught_up([], 7_800_000) == []
    assert again.names() == set()
