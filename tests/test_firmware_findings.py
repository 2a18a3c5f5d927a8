from typing import Any

import pytest

from firmware.host.findings import ERROR, NOTE, WARNING, WAYS_OUT, judge

THINGS = ["supply", "bus: bms1 (jk_pb, address 2)", "wifi", "broker", "acknowledgements", "clock", "spool", "heap"]


def report(**changes: dict[str, Any]) -> dict[str, Any]:
    """What a board says that is well, with changes to its rooms, written as the rooms' `report` have it."""
    said: dict[str, Any] = {
        "unit": ["raft-01", "0.1.0"],
        "heap_free": 30_000,
        "bus": [
            {
                "name": "bms1",
                "model": "jk_pb",
                "address": 2,
                "state": "online",
                "requests": 1000,
                "errors": {"silence": 3, "noise": 0},
                "latency_ms": 40,
                "error": None,
            }
        ],
        "link": {"wifi": True, "rssi": -60, "broker": True, "acknowledged_ago": 900, "failures": 0, "error": None},
        "spool": {"readings": 2, "in_flash": 0, "flash_bytes": 0, "flash_limit": 1_000_000, "lost": 0},
        "clock": {"up": 90_000_000, "utc": 1_790_000_000_000, "error": 30},
        "state": {"starts": 4, "reset_cause": "power_on", "last_error": None},
    }
    for room, change in changes.items():
        if room == "bus":
            said["bus"][0] |= change
        elif room == "heap":
            said["heap_free"] = change["free"]
        else:
            said[room] |= change
    return said


def test_a_unit_that_is_well_has_a_note_for_each_thing() -> None:
    found = judge(report())
    assert [(finding.level, finding.code) for finding in found] == [(NOTE, "well")] * len(THINGS)
    assert [finding.thing for finding in found] == THINGS


OFFLINE = {"state": "offline", "error": "no answer in 350 ms, 3 tries"}


@pytest.mark.parametrize(
    ("changes", "level", "code", "value"),
    [
        ({"state": {"reset_cause": "watchdog"}}, WARNING, "watchdog_start", "start 4, by watchdog, 25 h ago"),
        ({"clock": {"up": 45_000}}, WARNING, "started_lately", "start 4, by power_on, 45 s ago"),
        ({"state": {"last_error": "start 3: OSError"}}, NOTE, "last_error", "start 3: OSError"),
        ({"bus": OFFLINE}, ERROR, "device_offline", "offline: no answer in 350 ms, 3 tries, 1000 requests, 3 silence"),
        ({"bus": {"state": "suspect"}}, WARNING, "device_suspect", "suspect, 1000 requests, 3 silence"),
        ({"bus": {"errors": {"crc": 51}}}, WARNING, "device_errors", "online, 1000 requests, 51 crc"),
        ({"bus": {"requests": 0, "errors": {}}}, WARNING, "device_unasked", "not asked yet"),
        ({"link": {"wifi": False, "rssi": None}}, ERROR, "wifi_lost", "not joined"),
        ({"link": {"wifi": False, "broker": False}}, WARNING, "broker_unreached", "no Wi-Fi leads to it"),
        ({"link": {"rssi": -76}}, WARNING, "wifi_weak", "-76 dBm"),
        ({"link": {"rssi": -86}}, ERROR, "wifi_weak", "-86 dBm"),
        ({"link": {"rssi": None}}, WARNING, "not_known", "joined, and the radio does not tell how strongly"),
        (
            {"link": {"broker": False, "failures": 7, "error": "refused"}},
            ERROR,
            "broker_away",
            "not connected, 7 tries: refused",
        ),
        ({"link": {"acknowledged_ago": 180_000}}, ERROR, "unacknowledged", "the last one 3 min ago"),
        ({"link": {"acknowledged_ago": None}}, ERROR, "unacknowledged", "none in 25 h"),
        (
            {"link": {"acknowledged_ago": None}, "clock": {"up": 9_000}},
            WARNING,
            "unacknowledged",
            "none in 9 s",
        ),
        ({"clock": {"utc": None, "error": None}}, WARNING, "clock_unset", "not set"),
        ({"clock": {"error": 2500}}, WARNING, "clock_rough", "right to 2500 ms"),
        (
            {"spool": {"readings": 90, "in_flash": 80, "flash_bytes": 20_000}},
            NOTE,
            "spool_waits",
            "90 readings wait, 80 of them in flash, 2% full",
        ),
        ({"spool": {"flash_bytes": 600_000}}, WARNING, "spool_fills", "2 readings wait, 0 of them in flash, 60% full"),
        ({"spool": {"flash_bytes": 950_000}}, ERROR, "spool_fills", "2 readings wait, 0 of them in flash, 95% full"),
        ({"spool": {"lost": 5}}, ERROR, "spool_lost", "5 readings given up since it started"),
        ({"heap": {"free": 11_000}}, WARNING, "heap_low", "11000 bytes free"),
        ({"heap": {"free": 5_000}}, ERROR, "heap_low", "5000 bytes free"),
    ],
)
def test_what_is_not_well_is_found(changes: dict[str, dict[str, Any]], level: str, code: str, value: str) -> None:
    found = {(finding.level, finding.code): finding for finding in judge(report(**changes))}
    assert (level, code) in found
    finding = found[level, code]
    assert finding.value == value
    assert finding.line == f"{level:<8} {code:<15} {finding.thing}: {value}; {WAYS_OUT[code]}"


@pytest.mark.parametrize("room", ["bus", "link", "spool", "clock", "state", "heap_free"])
@pytest.mark.parametrize("told", [None, {}, "text"])
def test_what_is_not_told_is_not_known_and_never_well(room: str, told: object) -> None:
    silent = report()
    silent[room] = told
    things = {
        "bus": ["bus"],
        "link": ["wifi", "broker", "acknowledgements"],
        "spool": ["spool"],
        "clock": ["supply", "acknowledgements", "clock"],
        "state": ["supply"],
        "heap_free": ["heap"],
    }
    found = judge(silent)
    for thing in things[room]:
        codes = {finding.code for finding in found if finding.thing.split(":")[0] == thing}
        assert codes == {"not_known"}, thing


def test_a_bus_without_devices_is_not_known() -> None:
    silent = report()
    silent["bus"] = []
    assert [finding.code for finding in judge(silent) if finding.thing == "bus"] == ["not_known"]


def test_a_board_that_tells_nothing_has_eight_unknown_things() -> None:
    assert [finding.code for finding in judge({})] == ["not_known"] * len(THINGS)
