from hypothesis import given
from hypothesis import strategies as st

from gateway.dating import AWAY_MS, SETTLED_MS, Dating, freeze_origins
from gateway.entry import Entry
from gateway.journal import Journal
from gateway.ledger import Origin
from gateway.message import LARGEST_UP, ReadingMessage
from ingest.reading import Reading
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
    assert dating.origin(KEY) == Origin(UTC_2026 - 1100, "late", LARGEST_UP)


def test_a_message_that_may_have_waited_dates_nothing_until_its_board_is_heard_afresh() -> None:
    clocks, dating = trusted()
    dating.heard(KEY, received=START, up=5_000, sent=6_000, queued=True)
    clocks.forward(SETTLED_MS)
    assert dating.at_arrival(KEY, up=5_000, t=None) is None
    assert dating.origin(KEY) is None
    dating.heard(KEY, received=START + SETTLED_MS, up=65_000, sent=66_000)
    assert dating.origin(KEY) == Origin(UTC_2026 + SETTLED_MS - 66_000, "late", LARGEST_UP)


def test_a_board_that_is_never_heard_afresh_is_waited_for_an_hour() -> None:
    clocks, dating = trusted()
    dating.heard_entry(entry(5, None, received=START, queued=True))
    clocks.forward(AWAY_MS - 1)
    assert dating.origin(KEY) is None
    clocks.forward(1)
    assert dating.origin(KEY) == Origin(UTC_2026 - 5100, "estimated", 5000)


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
    assert dating.origin(KEY) == Origin(UTC_2026 - 900_000, "estimated", 900_000)


def test_a_boot_that_is_over_ended_before_the_present_one_began() -> None:
    clocks, dating = trusted()
    dating.heard(KEY, received=START, up=900_000, sent=None)
    dating.heard(NEXT, received=START, up=1, sent=60_000)
    clocks.forward(SETTLED_MS)
    assert dating.origin(KEY) == Origin(UTC_2026 - 960_000, "estimated", 900_000)


def test_a_boot_that_was_heard_alive_is_dated_by_that() -> None:
    _, dating = trusted()
    dating.heard(KEY, received=START - 500_000, up=1, sent=1000)
    dating.heard(KEY, received=START, up=2000, sent=None)
    assert dating.at_arrival(KEY, up=2000, t=None) == (UTC_2026 - 499_000, "gateway")


def test_a_boot_that_is_over_ran_at_least_as_long_as_its_readings_of_an_earlier_kernel_boot_tell() -> None:
    clocks, dating = trusted()
    dating.heard_entry(entry(0, None, kernel="kernel-0", up=900_000, sent=None))
    clocks.forward(SETTLED_MS)
    assert dating.origin(KEY) is None
    dating.heard(KEY, received=clocks.boot, up=1000, sent=None)
    clocks.forward(SETTLED_MS)
    assert dating.origin(KEY) == Origin(UTC_2026 - START - 900_000, "estimated", 900_000)


class Undated:
    """A journal with readings that have no time, and what was heard of them."""

    def __init__(self) -> None:
        self.disk = RecordingDisk()
        self.clocks, self.dating = trusted()
        self.journal = Journal(self.disk)
        self.seq = 0

    def hear(self, up: int, sent: int | None) -> None:
        undated = entry(self.seq, None, received=self.clocks.boot, up=up, sent=sent)
        self.dating.heard_entry(undated)
        self.journal.commit([undated])
        self.seq += 1

    def freeze(self) -> None:
        freeze_origins(self.journal, self.dating)

    def time(self, up: int) -> int:
        origin = self.journal.origin(KEY, up)
        assert origin is not None
        return origin.utc_ms + up


def test_a_late_origin_is_the_same_in_every_later_run() -> None:
    undated = Undated()
    undated.hear(up=1, sent=1000)
    undated.freeze()
    assert undated.journal.origin(KEY, 1) == Origin(UTC_2026 - 1000, "late", LARGEST_UP)
    again = Journal(undated.disk)
    elsewhere = Dating(undated.clocks.clock(UTC_2026 + 999_000), "kernel-2")
    elsewhere.heard(KEY, received=undated.clocks.boot, up=1, sent=5)
    freeze_origins(again, elsewhere)
    assert again.origins(KEY) == (Origin(UTC_2026 - 1000, "late", LARGEST_UP),)


def test_an_origin_that_the_disk_does_not_take_is_no_origin() -> None:
    undated = Undated()
    undated.hear(up=1, sent=1000)
    undated.disk.full = True
    undated.freeze()
    assert undated.journal.origin(KEY, 1) is None
    undated.disk.full = False
    undated.freeze()
    assert undated.time(1) == UTC_2026 - 999


def test_nothing_is_frozen_for_a_boot_whose_readings_all_have_a_time() -> None:
    undated = Undated()
    undated.dating.heard(KEY, received=START, up=1, sent=1000)
    undated.freeze()
    assert undated.journal.origins(KEY) == ()


def test_a_reading_that_comes_after_its_boot_was_placed_is_not_dated_after_its_arrival() -> None:
    undated = Undated()
    undated.dating.heard(NEXT, received=START, up=1, sent=60_000)
    undated.hear(up=3_600_000, sent=None)
    undated.clocks.forward(SETTLED_MS)
    undated.freeze()
    placed = undated.time(3_600_000)
    assert placed == UTC_2026 - 60_000
    undated.hear(up=36_000_000, sent=None)
    undated.freeze()
    assert undated.journal.origin(KEY, 36_000_000) is None
    undated.clocks.forward(SETTLED_MS)
    undated.freeze()
    assert UTC_2026 - 61_000 < undated.time(36_000_000) < UTC_2026 - 60_000
    assert undated.time(3_600_000) == placed
    undated.journal = Journal(undated.disk)
    undated.freeze()
    assert undated.time(3_600_000) == placed
    assert len(undated.journal.origins(KEY)) == 2


def test_a_boot_that_starts_later_moves_no_further_estimate_behind_the_first() -> None:
    undated = Undated()
    undated.dating.heard(NEXT, received=START, up=1, sent=60_000)
    undated.hear(up=3_600_000, sent=None)
    undated.clocks.forward(SETTLED_MS)
    undated.freeze()
    (first,) = undated.journal.origins(KEY)
    undated.clocks.forward(36_000_000)
    undated.dating.heard((UNIT, "00000000000000cc"), received=undated.clocks.boot, up=1, sent=2)
    undated.hear(up=3_610_000, sent=None)
    undated.clocks.forward(SETTLED_MS)
    undated.freeze()
    assert first.utc_ms - 1000 < undated.time(3_610_000) - 3_610_000 < first.utc_ms


@given(
    st.lists(st.lists(st.integers(0, 10_000), min_size=1, max_size=4), min_size=1, max_size=5),
    st.integers(0, 50_000_000),
)
def test_no_estimated_time_is_after_its_readings_arrival_nor_ever_changes(bursts: list[list[int]], alive: int) -> None:
    undated = Undated()
    undated.dating.heard(NEXT, received=START, up=0, sent=alive)
    arrived: dict[int, int] = {}
    told: dict[int, int] = {}
    for burst in bursts:
        for poll in burst:
            arrived.setdefault(10_000 * poll, undated.clocks.system)
            undated.hear(up=10_000 * poll, sent=None)
        undated.clocks.forward(SETTLED_MS)
        undated.freeze()
        times = {up: undated.time(up) for up in arrived}
        assert all(times[up] <= arrived[up] for up in arrived)
        assert len(set(times.values())) == len(times)
        assert told.items() <= times.items()
        told = times


def own(up: int, kernel: str = KERNEL) -> Entry:
    """Stands for what the gateway told of itself at that boottime, without a time."""
    told = Reading("gateway", kernel, 0, "gateway", "gateway", "event", up, None, {"name": "disk", "state": True})
    return Entry(ReadingMessage(told, up, 0, b""), kernel, up, None)


def test_what_the_gateway_told_of_itself_is_dated_by_its_own_boot() -> None:
    _, dating = trusted()
    assert dating.origin(("gateway", KERNEL)) == Origin(UTC_2026 - START, "late", LARGEST_UP)


def test_what_it_told_before_a_restart_is_dated_exactly_by_a_board_that_ran_through_it() -> None:
    _, dating = trusted()
    dating.heard_entry(entry(0, None, kernel="kernel-0", received=50_100, up=40_000, sent=40_100))
    dating.heard_entry(own(90_000, "kernel-0"))
    assert dating.origin(("gateway", "kernel-0")) is None
    dating.heard(KEY, received=START, up=1_640_000, sent=1_640_000)
    assert dating.origin(("gateway", "kernel-0")) == Origin(UTC_2026 - 1_640_000 - 10_000, "estimated", 90_000)


def test_without_such_a_board_it_ended_before_the_present_start() -> None:
    clocks, dating = trusted()
    dating.heard_entry(own(90_000, "kernel-0"))
    clocks.forward(AWAY_MS)
    assert dating.origin(("gateway", "kernel-0")) == Origin(UTC_2026 - START - 90_000, "estimated", 90_000)
