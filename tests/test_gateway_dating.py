from gateway.dating import SETTLED_MS, Dating, late_origin
from gateway.journal import Journal
from tests.gateway_stand_ins import BOOT, KERNEL, UNIT, UTC_2026, RecordingDisk, ScriptedClocks, entry

KEY = (UNIT, BOOT)
NEXT = (UNIT, "00000000000000bb")
START = 1_000_000
"""The gateway's boottime at which it is UTC_2026 here."""


def trusted() -> tuple[ScriptedClocks, Dating]:
    clocks = ScriptedClocks(boottime=START, system=UTC_2026)
    return clocks, Dating(clocks.clock(UTC_2026), KERNEL)


def test_a_board_that_knows_the_time_is_believed() -> None:
    dating = Dating(ScriptedClocks().clock(), KERNEL)
    assert dating.at_arrival(KEY, up=5, t=UTC_2026) == (UTC_2026, "device")


def test_a_board_that_does_not_is_dated_by_the_fastest_of_its_messages() -> None:
    _, dating = trusted()
    dating.heard(KEY, received=START, up=5_000, sent=10_000)
    dating.heard(KEY, received=START + 60_000, up=55_000, sent=60_000)  # ten seconds late
    assert dating.at_arrival(KEY, up=55_000, t=None) == (UTC_2026 + 45_000, "gateway")


def test_without_a_trusted_clock_nothing_is_dated() -> None:
    dating = Dating(ScriptedClocks().clock(), KERNEL)
    dating.heard(KEY, received=100, up=5, sent=10)
    assert dating.at_arrival(KEY, up=5, t=None) is None
    assert dating.origin(KEY) is None


def test_another_kernel_boots_arrival_tells_nothing_of_this_ones_clock() -> None:
    clocks, dating = trusted()
    dating.heard_entry(entry(0, None, kernel="kernel-0", received=500))
    assert dating.origin(KEY) is None
    dating.heard_entry(entry(1, None, received=clocks.boot))
    assert dating.origin(KEY) == (UTC_2026 - 1100, "late")


def test_a_boot_that_is_over_is_not_dated_while_its_readings_still_come() -> None:
    clocks, dating = trusted()
    dating.heard(KEY, received=clocks.boot, up=1000, sent=None)
    assert dating.at_arrival(KEY, up=1000, t=None) is None
    clocks.forward(SETTLED_MS - 1)
    assert dating.origin(KEY) is None
    dating.heard(KEY, received=clocks.boot, up=2000, sent=None)
    clocks.forward(SETTLED_MS - 1)
    assert dating.origin(KEY) is None


def test_a_boot_that_is_over_ended_before_its_last_reading_came() -> None:
    clocks, dating = trusted()
    for up in (1000, 900_000, 5000):
        dating.heard(KEY, received=START, up=up, sent=None)
    clocks.forward(SETTLED_MS)
    assert dating.origin(KEY) == (UTC_2026 - 900_000, "estimated")


def test_a_boot_that_is_over_ended_before_the_present_one_began() -> None:
    clocks, dating = trusted()
    dating.heard(KEY, received=START, up=900_000, sent=None)
    dating.heard(NEXT, received=START, up=1, sent=60_000)
    clocks.forward(SETTLED_MS)
    assert dating.origin(KEY) == (UTC_2026 - 960_000, "estimated")


def test_a_boot_that_was_heard_alive_is_dated_by_that() -> None:
    _, dating = trusted()
    dating.heard(KEY, received=START - 500_000, up=1, sent=1000)
    dating.heard(KEY, received=START, up=2000, sent=None)
    assert dating.at_arrival(KEY, up=2000, t=None) == (UTC_2026 - 499_000, "gateway")


def test_the_late_origin_is_the_same_in_every_later_run() -> None:
    disk = RecordingDisk()
    clocks, dating = trusted()
    dating.heard(KEY, received=clocks.boot, up=1, sent=1000)
    assert late_origin(Journal(disk), dating)(KEY) == (UTC_2026 - 1000, "late")
    elsewhere = Dating(clocks.clock(UTC_2026 + 999_000), "kernel-2")
    elsewhere.heard(KEY, received=clocks.boot, up=1, sent=5)
    assert late_origin(Journal(disk), elsewhere)(KEY) == (UTC_2026 - 1000, "late")


def test_an_origin_that_the_disk_does_not_take_is_no_origin() -> None:
    disk = RecordingDisk()
    clocks, dating = trusted()
    dating.heard(KEY, received=clocks.boot, up=1, sent=1000)
    origin = late_origin(Journal(disk), dating)
    disk.full = True
    assert origin(KEY) is None
    disk.full = False
    assert origin(KEY) == (UTC_2026 - 1000, "late")
