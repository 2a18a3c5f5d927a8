"""Roll-ups and events through a whole life of the gateway, and through every power cut in it."""

import pytest

from gateway.dating import Dating, freeze_origins
from gateway.deadletters import DeadLetters
from gateway.derived import CHECKPOINT_MS, FILE
from gateway.event import identity
from gateway.lines import LineMaker
from gateway.summary import HOUR_MS
from tests.gateway_derived_bench import ALL, ON, RULES, START, STEP, Gateway, at, reading
from tests.gateway_stand_ins import BOOT, KERNEL, UNIT, RecordingDisk, power_cuts, power_cuts_within

KEY = (UNIT, BOOT)


def test_what_is_made_waits_in_the_journal_like_readings() -> None:
    gateway = Gateway(RecordingDisk(), at(0))
    gateway.commit([reading(seq) for seq in range(16)])
    gateway.settle(HOUR_MS + 400_000)
    assert gateway.rolled_up()[0]["bms_readings"] == 15
    assert gateway.journal.pending_readings == 16 + len(gateway.found("bms_1h")) + len(gateway.found("event"))


def test_an_event_is_committed_with_the_group_that_made_it() -> None:
    gateway = Gateway(RecordingDisk(), at(0))
    gateway.commit([reading(0, protections=ON)])
    (event,) = gateway.found("event")
    assert event.dated == (START, "device")
    assert gateway.journal.pending_events == 1
    assert list(gateway.derived.alarms()) == [(UNIT, "bms1", "cell over-voltage")]


def test_an_event_that_the_disk_did_not_take_is_committed_with_the_next_look() -> None:
    disk = RecordingDisk()
    gateway = Gateway(disk, at(0))
    heard = reading(0, protections=ON)
    gateway.journal.commit([heard])
    disk.full = True
    gateway.derived.heard([heard])
    assert gateway.found("event") == []
    disk.full = False
    gateway.settle()
    assert len(gateway.found("event")) == 1


def test_a_roll_up_that_the_disk_did_not_take_is_made_again() -> None:
    disk = RecordingDisk()
    gateway = Gateway(disk, at(0))
    gateway.commit([reading(seq) for seq in range(16)])
    disk.full = True
    gateway.settle(HOUR_MS + 400_000)
    assert gateway.rolled_up() == {}
    disk.full = False
    gateway.settle()
    assert gateway.rolled_up()[0]["bms_readings"] == 15


def test_a_roll_up_whose_readings_cannot_be_read_is_made_when_they_can() -> None:
    disk = RecordingDisk()
    gateway = Gateway(disk, at(0))
    gateway.commit([reading(seq) for seq in range(16)])
    disk.unreadable = {"segment-00000001.frames"}
    gateway.settle(HOUR_MS + 400_000)
    assert gateway.derived.step() > 0
    disk.unreadable.clear()
    gateway.settle()
    assert gateway.rolled_up()[0]["bms_readings"] == 15


def test_nothing_is_rolled_up_before_the_time_is_known() -> None:
    disk, clocks = RecordingDisk(), at(0)
    gateway = Gateway(disk, clocks)
    gateway.derived._clock = clocks.clock()
    gateway.commit([reading(seq) for seq in range(16)])
    gateway.settle(2 * HOUR_MS)
    assert gateway.found("bms_1h") == []


def test_a_restart_in_the_middle_of_an_hour_makes_it_whole() -> None:
    disk = RecordingDisk()
    gateway = Gateway(disk, at(0))
    gateway.commit([reading(seq) for seq in range(8)])
    gateway.forward()
    gateway = Gateway(disk, at(8 * STEP))
    gateway.commit([reading(seq) for seq in range(8, 16)])
    gateway.settle(HOUR_MS)
    assert gateway.rolled_up()[0]["bms_readings"] == 15


def test_an_hour_whose_readings_became_history_before_it_was_made_is_made_after_a_restart() -> None:
    disk = RecordingDisk()
    gateway = Gateway(disk, at(0))
    gateway.settle(CHECKPOINT_MS)
    for seq in range(40):
        gateway.commit([reading(seq)])
        gateway.forward()
    assert any(name.startswith("history-00000001") for name in disk.names())
    gateway = Gateway(disk, at(4 * HOUR_MS))
    gateway.settle(400_000)
    assert [gateway.rolled_up()[hour]["bms_readings"] for hour in range(3)] == [15, 15, 10]


def test_an_acknowledged_alarm_stays_so_over_a_restart() -> None:
    disk = RecordingDisk()
    gateway = Gateway(disk, at(0))
    gateway.commit([reading(0, protections=ON)])
    assert gateway.derived.acknowledge(UNIT, "bms1", "cell over-voltage")
    assert not gateway.derived.acknowledge(UNIT, "bms1", "soc_low")
    gateway = Gateway(disk, at(1000))
    assert [alarm.acknowledged for alarm in gateway.derived.alarms().values()] == [True]
    assert len(gateway.found("event")) == 1


@pytest.mark.parametrize("data", [b"", b"damaged", "unreadable"])
def test_a_lost_checkpoint_stops_no_start_and_makes_again_what_is_not_history(data: bytes | str) -> None:
    disk = RecordingDisk()
    gateway = Gateway(disk, at(0))
    gateway.commit([reading(seq, protections=ON) for seq in range(15)])
    gateway.settle(CHECKPOINT_MS)
    assert FILE in disk.names()
    if isinstance(data, bytes):
        disk.files[FILE] = data
    else:
        disk.unreadable = {FILE}
    gateway = Gateway(disk, at(2 * HOUR_MS))
    disk.unreadable.clear()
    gateway.settle(400_000)
    assert gateway.rolled_up()[0]["bms_readings"] == 15
    assert [identity(event)[-2:] for event in gateway.found("event")][:1] == [("cell over-voltage", True)]
    assert len({identity(event) for event in gateway.found("event")}) == len(gateway.found("event"))


def life(disk: RecordingDisk) -> list[tuple[int, int]]:
    """Two hours with an alarm, a late reading and a restart. After so many operations so many readings are stored."""
    gateway = Gateway(disk, at(0))
    promises = [(len(disk.operations), 0)]
    for seq in range(34):
        if seq == 21:
            gateway = Gateway(disk, at(STEP * seq))
        gateway.clocks.forward(STEP)
        gateway.commit([reading(seq, protections=ON if 5 <= seq < 25 else 0)])
        promises.append((len(disk.operations), seq + 1))
        gateway.settle()
        if seq % 4 == 0:
            gateway.forward()
    return promises


def test_a_power_cut_at_any_moment_leaves_no_hour_half_and_no_change_untold_or_told_twice() -> None:
    disk = RecordingDisk()
    promises = life(disk)
    whole = Gateway(RecordingDisk(disk.files), at(4 * HOUR_MS))
    whole.settle(400_000)
    expected = whole.rolled_up()
    assert [expected[hour]["bms_readings"] for hour in range(3)] == [15, 15, 4]
    for cut in range(1, len(disk.operations) + 1):
        states = [*power_cuts({}, disk.operations[:cut]), *power_cuts_within({}, disk.operations[:cut])]
        for files in states:
            gateway = Gateway(RecordingDisk(files), at(34 * STEP))
            stored = max((count for since, count in promises if since < cut), default=0)
            assert gateway.journal.seen(KEY).ranges()[:1] in ([], [(0, gateway.journal.seen(KEY).last())])
            assert gateway.journal.seen(KEY).last() + 1 >= stored
            for seq in range(34):
                gateway.commit([reading(seq, protections=ON if 5 <= seq < 25 else 0)])
            gateway.settle(4 * HOUR_MS)
            assert gateway.rolled_up() == expected
            events = [identity(event) for event in gateway.found("event") if event.reading.signals["name"] != "silent"]
            assert [(seq, state) for _, _, _, seq, _, _, state in events] == [(5, True), (25, False)]


def test_a_start_is_not_longer_for_all_that_came_while_nobody_knew_the_time() -> None:
    """The checkpoint is written then, too: what lies before it is not read once more."""
    disk, clocks = RecordingDisk(), at(0)
    gateway = Gateway(disk, clocks)
    gateway.derived._clock = clocks.clock()
    for seq in range(30):
        gateway.commit([reading(seq)])
    gateway.settle(CHECKPOINT_MS)
    gateway.commit([reading(30)])
    assert 1 <= Gateway(disk, at(2 * HOUR_MS)).caught_up <= 5


def test_a_power_cut_takes_no_event_about_the_gateway_itself_though_nobody_knew_the_time() -> None:
    disk, clocks = RecordingDisk(), at(0)
    gateway = Gateway(disk, clocks)
    gateway.derived._clock = clocks.clock()
    gateway.settle()
    gateway.settle(RULES.clock)
    for files in power_cuts({}, disk.operations):
        later = Gateway(RecordingDisk(files), at(RULES.clock + HOUR_MS))
        later.settle()
        told = [(event.reading.signals["name"], event.reading.signals["state"]) for event in later.found("event")]
        assert told == [("clock", True), ("clock", False)]
        assert later.found("event")[0].dated is None


def test_an_event_about_the_gateway_itself_gets_its_time_when_it_is_known() -> None:
    disk, clocks = RecordingDisk(), at(0)
    gateway = Gateway(disk, clocks)
    gateway.derived._clock = clocks.clock()
    gateway.settle()
    gateway.settle(RULES.clock)
    freeze_origins(gateway.journal, Dating(clocks.clock(clocks.system), KERNEL))
    lines = LineMaker("bay", gateway.journal.origin, DeadLetters(RecordingDisk()))
    [frame] = gateway.journal.take(newest=True, below=ALL, readings=1, busy=(), datable=lines.datable)
    [line] = lines.of(frame)
    assert line.startswith('event,device=gateway,model=gateway,site=bay,unit=gateway name="clock",state=true')
    assert line.endswith(f" {START + RULES.clock}")
