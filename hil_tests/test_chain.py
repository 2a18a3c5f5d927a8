"""One reading's whole trip, on real parts: what the devices answered against what the database holds."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hil_tests.chain import DEVICES, MEASUREMENTS, SITE, UNIT, Chain
from hil_tests.grafana_stand_in import QUERIES, Shown
from hil_tests.services import wait_until

DEADLINE = 60.0


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with Chain(tmp_path) as chain:
        yield chain


def wait(ready: Callable[[], bool], what: str) -> None:
    wait_until(ready, DEADLINE, what)


def wait_for_more(chain: Chain, readings: int) -> None:
    """Until the devices have answered so many more readings."""
    target = chain.count().readings + readings
    wait(lambda: chain.count().readings >= target, f"{readings} more readings")


def settle(chain: Chain) -> None:
    """No new readings, and every one so far acknowledged by the gateway and in the database."""
    chain.bus.do("cut")
    wait(lambda: chain.count().verdict.clean, "every reading in the database")
    wait(lambda: chain.count().durable == chain.count().readings, "every reading acknowledged")


def test_every_reading_is_stored_once_over_a_link_outage(chain: Chain) -> None:
    wait(lambda: chain.count().forwarded >= 4, "readings in the database")
    chain.link.cut()
    forwarded = chain.count().forwarded
    wait_for_more(chain, 10)
    wait(lambda: chain.count().durable >= forwarded + 10, "readings on the gateway's disk")
    assert chain.gateway.state()["journal"]["backlog_readings"] >= 10
    chain.link.restore()
    settle(chain)
    assert {(row["device"], row["model"]) for row in chain.database.query('SELECT * FROM "bms"')} == {("bms1", "jk_pb")}


def test_kill_and_power_cut_in_an_outage_cost_no_acknowledged_reading(chain: Chain) -> None:
    wait(lambda: chain.count().forwarded >= 4, "readings in the database")
    chain.link.cut()
    wait_for_more(chain, 4)
    chain.gateway.kill()
    wait_for_more(chain, 6)
    chain.gateway.start()
    chain.bus.do("cut")
    wait(lambda: chain.count().durable == chain.count().readings, "every reading acknowledged")
    chain.board.power_cut()
    chain.gateway.kill()
    chain.gateway.start()
    chain.board.power_on()
    chain.bus.do("restore")
    wait_for_more(chain, 4)
    chain.link.restore()
    settle(chain)
    boots = chain.board.console.text().count(f"unit: {UNIT}, ")
    assert boots == 2


def test_a_device_that_falls_silent_costs_the_other_no_reading(chain: Chain) -> None:
    wait(lambda: chain.count().forwarded >= 4, "readings in the database")
    chain.bus.do("vanish", model="jk_pb")
    wait_for_more(chain, 5)
    chain.bus.do("come_back", model="jk_pb")
    wait_for_more(chain, 5)
    settle(chain)
    errors = [row["bus_error"] for row in chain.database.query('SELECT "bus_error" FROM "bms"')]
    assert any("bms1 (jk_pb, address 2): no answer" in error for error in errors)


def test_every_panel_of_readings_shows_what_came_all_the_way(chain: Chain) -> None:
    """Of what devices and board measured: there are no roll-ups yet, no events, and no counter that rose."""
    of_readings = re.compile(r'FROM "(bms|charge_controller|unit)" (?!.*\$\{__from\} >)')
    asked = {name: query for name, query in QUERIES.items() if of_readings.search(query) and "DIFFERENCE(" not in query}
    assert asked
    wait(lambda: chain.count().forwarded >= 4, "readings in the database")
    chain.bus.do("fail", model="jk_pb", address=0x1290)
    chain.bus.do("fail", model="epever_tracer", address=0x3201)
    wait(lambda: both_tell_of_errors(chain), "a bus error of each device in the database")
    now = time.time_ns() // 1_000_000
    shown = Shown(SITE, UNIT, now - 3_600_000, now + 60_000, interval="1s")
    empty = [name for name, query in asked.items() if not chain.database.query(shown.filled_in(query))]
    assert empty == []


def both_tell_of_errors(chain: Chain) -> bool:
    return all(chain.database.query(f'SELECT "bus_error" FROM "{measurement}"') for measurement in MEASUREMENTS)


def test_nothing_is_ever_written_to_a_device(chain: Chain) -> None:
    wait(lambda: chain.count().forwarded >= 4, "readings in the database")
    assert chain.bus.ledger.write_attempts() == []
    heard = {exchange.address for exchange in chain.bus.ledger.exchanges()}
    assert heard == {device.address for device in DEVICES}
