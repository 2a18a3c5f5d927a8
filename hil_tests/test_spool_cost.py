"""What readings cost the board's flash while no gateway takes them."""

import re

import pytest

from firmware.host.bundle import BOARD
from hil_tests.spool_cost import PERIOD, SpoolCost, spool_cost

MOST_WRITTEN = 400
"""Bytes a reading."""
HOURS = 12
"""From dawn on: at night the charge controller has less to tell."""
DAYS_READINGS = 2 * 86400 * 2 // PERIOD + 2 * 1440
"""Of two days, the board's own included."""


@pytest.fixture(scope="module")
def cost(tmp_path_factory: pytest.TempPathFactory) -> SpoolCost:
    return spool_cost(tmp_path_factory.mktemp("cost"), HOURS)


def spool_bytes() -> int:
    found = re.search(r"^SPOOL_BYTES = (\d+) ", (BOARD / "unit.py").read_text("utf-8"), re.MULTILINE)
    assert found
    return int(found[1])


def test_an_outage_writes_little(cost: SpoolCost) -> None:
    assert 0 < cost.written <= MOST_WRITTEN * cost.readings


def test_every_reading_comes_out_again(cost: SpoolCost) -> None:
    polls = HOURS * 3600 // PERIOD
    assert cost.taken == {"bms": polls, "charge_controller": polls, "unit": HOURS * 60}


def test_two_days_of_two_devices_fit_before_any_reading_is_given_up(cost: SpoolCost) -> None:
    reserve = 65536  # where thinning begins
    assert cost.held / cost.readings * DAYS_READINGS <= spool_bytes() - reserve


def test_the_spool_knows_how_much_of_the_flash_it_takes(cost: SpoolCost) -> None:
    assert cost.held <= cost.in_use <= cost.held + 8 * 4096
