from gateway.dating import Dating, late_origin
from gateway.journal import Journal
from tests.gateway_stand_ins import BOOT, KERNEL, UNIT, UTC_2026, RecordingDisk, ScriptedClocks, entry

KEY = (UNIT, BOOT)


def test_a_board_that_knows_the_time_is_believed() -> None:
    dating = Dating(ScriptedClocks().clock(), KERNEL)
    assert dating.at_arrival(KEY, up=5, t=UTC_2026) == (UTC_2026, "device")


def test_a_board_that_does_not_is_dated_by_the_fastest_of_its_messages() -> None:
    clocks = ScriptedClocks(boottime=100_000, system=UTC_2026)
    dating = Dating(clocks.clock(UTC_2026), KERNEL)
    dating.heard(KEY, KERNEL, received=100_000, sent=10_000)
    dating.heard(KEY, KERNEL, received=160_000, sent=60_000)  # ten seconds late
    # `up` 0 was at boottime 90,000, and boottime 100,000 is UTC_2026.
    assert dating.at_arrival(KEY, up=55_000, t=None) == (UTC_2026 + 45_000, "gateway")


def test_without_a_trusted_clock_nothing_is_dated() -> None:
    dating = Dating(ScriptedClocks().clock(), KERNEL)
    dating.heard(KEY, KERNEL, received=100, sent=10)
    assert dating.at_arrival(KEY, up=5, t=None) is None


def test_another_kernel_boots_arrival_tells_nothing_of_this_ones_clock() -> None:
    clocks = ScriptedClocks(system=UTC_2026)
    dating = Dating(clocks.clock(UTC_2026), KERNEL)
    dating.heard_entry(entry(0, None, kernel="kernel-0", received=500))
    assert dating.origin(KEY) is None
    dating.heard_entry(entry(1, None, received=clocks.boot))
    assert dating.origin(KEY) == UTC_2026 - 1100


def test_the_late_origin_is_the_same_in_every_later_run() -> None:
    disk = RecordingDisk()
    clocks = ScriptedClocks(system=UTC_2026)
    dating = Dating(clocks.clock(UTC_2026), KERNEL)
    dating.heard(KEY, KERNEL, received=clocks.boot, sent=1000)
    assert late_origin(Journal(disk), dating)(KEY) == UTC_2026 - 1000
    elsewhere = Dating(clocks.clock(UTC_2026 + 999_000), "kernel-2")
    elsewhere.heard(KEY, "kernel-2", received=clocks.boot, sent=5)
    assert late_origin(Journal(disk), elsewhere)(KEY) == UTC_2026 - 1000


def test_an_origin_that_the_disk_does_not_take_is_no_origin() -> None:
    disk = RecordingDisk()
    clocks = ScriptedClocks(system=UTC_2026)
    dating = Dating(clocks.clock(UTC_2026), KERNEL)
    dating.heard(KEY, KERNEL, received=clocks.boot, sent=1000)
    origin = late_origin(Journal(disk), dating)
    disk.full = True
    assert origin(KEY) is None
    disk.full = False
    assert origin(KEY) == UTC_2026 - 1000
