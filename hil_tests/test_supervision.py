"""What restarts the real firmware on the rig's board, what it remembers of it, and what it never tells."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.raft import DEADLINE, PASSWORD, PATIENCE, WIFI_PASSWORD, Raft

HANGING_POLLER = """
import asyncio, poll
async def hang(self, device):
    await asyncio.sleep(1000)
poll.Poller.poll = hang
"""
SHORT_TIMES = """
import supervision, unit
unit.WATCHDOG = 2000
supervision.LONGEST_STALL = supervision.LONGEST_TURN = 1000
"""
HANGING_LINK = """
import asyncio, link
async def hang(self):
    await asyncio.sleep(1000)
link.Link.run = hang
"""


@pytest.fixture
def raft(tmp_path: Path) -> Iterator[Raft]:
    with Raft(tmp_path) as made:
        yield made


def test_a_poller_that_hangs_gets_the_watchdog_and_the_next_start_tells(raft: Raft) -> None:
    raft.start(first=HANGING_POLLER + SHORT_TIMES)
    raft.board.console.wait_for("start 1, started by power_on", DEADLINE)
    raft.board.console.wait_for("start 2, started by watchdog", DEADLINE)
    raft.board.console.wait_for("unit: last error: start 1: the watchdog was not fed", DEADLINE)


def test_a_link_that_hangs_gets_the_watchdog(raft: Raft) -> None:
    raft.start(first=HANGING_LINK + SHORT_TIMES)
    raft.board.console.wait_for("start 1, started by power_on", DEADLINE)
    raft.board.console.wait_for("start 2, started by watchdog", DEADLINE)


def test_a_dead_radio_restarts_the_board_which_loses_nothing_and_says_why(raft: Raft) -> None:
    raft.start(first="import link, wifi\nlink.JOIN_TIME = 1\nwifi.RESET_AFTER = 6000\n")
    raft.board.console.wait_for("link: connected", DEADLINE)
    raft.board.break_wifi("dead")
    raft.board.console.wait_for("unit: no Wi-Fi for 0 min, and", DEADLINE)
    raft.board.console.wait_for("start 2, started by hard", DEADLINE)
    raft.wait_for_new(20)
    boots = {reading["boot"] for reading in raft.gateway.arrivals()}
    assert len(boots) == 2, "the readings of the start without Wi-Fi did not arrive"
    raft.wait_for(
        lambda gateway: any(
            "no Wi-Fi for 0 min" in reading["signals"].get("last_error", "") for reading in gateway.stored().values()
        ),
        "the reason in the board's health",
    )


def test_no_password_is_ever_on_the_console(raft: Raft) -> None:
    raft.board.break_wifi("refuses")
    raft.start(first="import link\nlink.JOIN_TIME = 1\n")
    raft.board.console.wait_for("link: Wi-Fi: Wifi Internal Error", DEADLINE)
    raft.board.break_wifi("gone")
    raft.board.console.wait_for("link: Wi-Fi not joined in 1 s; check ssid, password and reach", DEADLINE)
    raft.board.set_wifi(reachable=True)
    raft.board.console.wait_for("link: connected", PATIENCE)
    raft.board.power_cut()
    settings = raft.folder / "bundle" / "unit.json"
    spoilt = json.loads(settings.read_text())
    for table, key in (("wifi", "password"), ("broker", "password")):
        spoilt[table][key] *= 20  # too long, and named as such
        settings.write_text(json.dumps(spoilt))
        raft.board.install(raft.folder / "bundle")
        raft.board.power_on()
        raft.board.console.wait_for(f"{table}.{key}: the value is not a password", DEADLINE)
        raft.board.power_cut()
        spoilt[table][key] = spoilt[table][key][: len(spoilt[table][key]) // 20]
    spoilt["wifi"] = spoilt["wifi"]["password"]
    settings.write_text(json.dumps(spoilt))
    raft.board.install(raft.folder / "bundle")
    raft.board.power_on()
    raft.board.console.wait_for("wifi is not a table", DEADLINE)
    assert WIFI_PASSWORD not in raft.board.console.text()
    assert PASSWORD not in raft.board.console.text()
