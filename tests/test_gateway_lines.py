import logging

import pytest

from gateway.deadletters import DeadLetters
from gateway.entry import Entry, StoredFrame
from gateway.journal import Journal
from gateway.ledger import Key, Origin
from gateway.lines import LineMaker
from gateway.message import LARGEST_UP
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026, RecordingDisk, entry

KEY: Key = (UNIT, BOOT)


def maker(*origins: Origin) -> tuple[LineMaker, DeadLetters]:
    dead_letters = DeadLetters(RecordingDisk())
    journal = Journal(RecordingDisk())
    for origin in origins:
        journal.freeze_origin(KEY, origin)
    return LineMaker("rig", journal.origin, dead_letters), dead_letters


def frame(*entries: Entry, undated: Key | None = None) -> StoredFrame:
    return StoredFrame(1, entries, undated)


def test_a_dated_reading_is_a_line() -> None:
    lines, _ = maker()
    assert lines.of(frame(entry(3))) == [
        f"bms,device=bms1,model=jk_pb,site=rig,unit=raft-01 "
        f'pack_voltage=52.5,cycles=3i,time_quality="device" {UTC_2026}'
    ]


def test_an_undated_one_takes_its_boots_origin() -> None:
    lines, _ = maker(Origin(UTC_2026, "late", 3000))
    assert lines.datable(KEY, 3000)
    (line,) = lines.of(frame(entry(3, None), undated=KEY))
    assert line.endswith(f'time_quality="late" {UTC_2026 + 3000}')


def test_one_beyond_the_first_origins_reach_takes_the_next_one() -> None:
    lines, _ = maker(Origin(UTC_2026, "estimated", 3000), Origin(UTC_2026 - 500, "estimated", 4000))
    times = [int(line.rsplit(" ", 1)[1]) for line in lines.of(frame(entry(3, None), entry(4, None), undated=KEY))]
    assert times == [UTC_2026 + 3000, UTC_2026 + 3500]
    assert not lines.datable(KEY, 4001)


def test_without_an_origin_it_is_not_datable() -> None:
    lines, _ = maker()
    assert not lines.datable(KEY, 0)


def test_a_signal_that_no_field_holds_is_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    lines, dead_letters = maker()
    made = lines.of(frame(entry(0, signals={"soc": 50, "flux": 1}), entry(1, signals={"soc": 51, "flux": 2})))
    assert len(made) == 2
    assert "flux" not in "".join(made)
    assert lines.signals_set_aside == 2
    assert len(caplog.records) == 1
    assert dead_letters.count == 0


def test_a_time_outside_of_all_reason_is_set_aside() -> None:
    lines, dead_letters = maker(Origin(UTC_2026, "late", LARGEST_UP))
    assert lines.of(frame(entry(0, None, up=2**52, sent=2**52), entry(1, None), undated=KEY)) != []
    assert dead_letters.count == 1
