from typing import Any

from gateway.message import StatusMessage
from gateway.units import Units
from tests.gateway_stand_ins import BOOT, UNIT, message


def test_the_latest_reading_is_that_which_was_taken_last_not_that_which_came_last() -> None:
    units = Units()
    units.heard(message(5, sent=5100), received=100_000)
    units.heard(message(2, sent=6000), received=100_900)
    latest = units.snapshot()[UNIT].devices["bms1"]
    assert latest.reading.seq == 5
    assert latest.taken == 99_900


def test_a_reading_of_this_kernel_boot_replaces_one_of_another() -> None:
    units = Units()
    units.heard(message(5), received=None)
    units.heard(message(6), received=None)
    assert units.snapshot()[UNIT].devices["bms1"].reading.seq == 6
    units.heard(message(1), received=50)
    units.heard(message(7), received=None)
    assert units.snapshot()[UNIT].devices["bms1"].reading.seq == 1


def test_a_last_will_says_offline_and_keeps_the_firmwares_name() -> None:
    units = Units()
    units.status(StatusMessage(UNIT, online=True, boot=BOOT, firmware="1.0"))
    units.status(StatusMessage(UNIT, online=False, boot=BOOT, firmware=None))
    unit = units.snapshot()[UNIT]
    assert (unit.online, unit.firmware) == (False, "1.0")


def test_a_snapshot_does_not_change_behind_ones_back() -> None:
    units = Units()
    units.heard(message(1), received=1)
    before = units.snapshot()
    units.acknowledged(UNIT, 5)
    units.heard(message(2, device="bms2"), received=2)
    assert before[UNIT].acknowledged is None
    assert list(before[UNIT].devices) == ["bms1"]


def test_what_the_bus_counts_of_a_device_does_not_hide_what_the_device_measures() -> None:
    units = Units()
    units.heard(message(1), received=1)
    units.heard(message(2, measurement="unit", signals={"bus_state": "online"}), received=2)
    units.heard(message(3, measurement="unit", device="board", model="esp32"), received=3)
    devices = units.snapshot()[UNIT].devices
    assert {name: latest.reading.measurement for name, latest in devices.items()} == {"bms1": "bms", "board": "unit"}


def test_a_loss_is_nothing_that_the_board_measures() -> None:
    units = Units()
    units.heard(message(1, measurement="unit", device="board", model="esp32"), received=1)
    lost = {"readings": 3, "last_seq": 4, "duration": 20, "reason": "spool_full"}
    units.heard(message(2, measurement="loss", device="board", model="esp32", signals=lost), received=2)
    assert units.snapshot()[UNIT].devices["board"].reading.measurement == "unit"


def test_what_a_later_reading_lacks_is_kept_with_its_own_time_until_it_comes_again() -> None:
    units = Units()
    units.heard(message(1, signals={"pack_voltage": 52.5, "soc": 80}), received=1_100)
    units.heard(message(2, signals={"pack_voltage": 52.4}), received=2_100)
    units.heard(message(3, signals={}), received=3_100)
    latest = units.snapshot()[UNIT].devices["bms1"]
    assert latest.earlier == {"pack_voltage": (52.4, 2_000), "soc": (80, 1_000)}
    units.heard(message(4, signals={"soc": 79}), received=4_100)
    assert units.snapshot()[UNIT].devices["bms1"].earlier == {"pack_voltage": (52.4, 2_000)}


def test_a_device_that_the_unit_no_longer_names_is_dropped() -> None:
    units = Units()
    units.heard(message(1), received=1)
    units.heard(message(2, device="bms2"), received=2)
    for number in range(121):
        said: dict[str, Any] = {"boot": "00000000000000bb", "up": 60_000 * number, "sent": 60_000 * number}
        units.heard(message(2 * number, device="bms2", **said), received=60_000 * number + 10)
        units.heard(
            message(2 * number + 1, device="board", model="esp32", measurement="unit", signals={"uptime": 1.0}, **said),
            received=60_000 * number + 10,
        )
        assert ("bms1" in units.snapshot()[UNIT].devices) == (number < 120)
    assert sorted(units.snapshot()[UNIT].devices) == ["bms2", "board"]
