from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from typing import Any

from gateway import framelog
from gateway.entry import Entry, StoredFrame, stored
from gateway.thinning import EMPTIED, FRAME_READINGS, Thinned, thin
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026, entry

MINUTE, QUARTER = 1, 2
START = UTC_2026 // 900_000 * 900_000


def every_ten_seconds(seqs: Iterable[int], device: str = "bms1", unit: str = UNIT) -> list[Entry]:
    return [
        entry(seq, (START + 10_000 * seq, "device"), up=10_000 * seq, sent=None, device=device, unit=unit)
        for seq in seqs
    ]


def lost(readings: int, last_seq: int) -> dict[str, Any]:
    """What a board says of readings that it gave up."""
    return {"readings": readings, "last_seq": last_seq, "duration": 1.0, "reason": "spool_full"}


def thinned(entries: Iterable[Entry], level: int, *, was: int = 0) -> Thinned:
    return thin([StoredFrame(1, tuple(entries), None, was)], level, count(100).__next__, None)


def entries_of(result: Thinned) -> list[Entry]:
    frames, damaged = framelog.scan(result.data)
    assert not damaged
    assert [frame.number for frame in frames] == [mark.number for mark in result.outline.marks]
    return [entry for frame in frames for entry in stored(frame).entries]


def kept(result: Thinned) -> list[int]:
    return [entry.reading.seq for entry in entries_of(result) if not entry.made_here]


def losses(result: Thinned) -> list[tuple[int, int, str]]:
    """First seq, how many, why."""
    return [
        (entry.reading.seq, int(entry.reading.signals["readings"]), str(entry.reading.signals["reason"]))
        for entry in entries_of(result)
        if entry.made_here
    ]


def test_one_reading_a_minute_stays_and_the_rest_is_told_as_lost() -> None:
    result = thinned(every_ten_seconds(range(18)), MINUTE)
    assert kept(result) == [0, 6, 12]
    assert losses(result) == [(1, 15, "journal_thinned")]
    assert result.given_up == 15


def test_each_device_of_each_unit_keeps_its_own() -> None:
    both = [*every_ten_seconds(range(6)), *every_ten_seconds(range(6, 12), device="pv1")]
    other = every_ten_seconds([3, 4], unit="raft-02")
    result = thinned([*both, *other], QUARTER)
    assert [(entry.reading.unit, entry.reading.device) for entry in entries_of(result) if not entry.made_here] == [
        (UNIT, "bms1"),
        (UNIT, "pv1"),
        ("raft-02", "bms1"),
    ]
    assert losses(result) == [(1, 10, "journal_thinned"), (4, 1, "journal_thinned")]


def test_what_stays_is_stored_as_it_was() -> None:
    given = entry(0, (START, "gateway"), received=77, error="address 2: no answer", signals={"soc": 99.5, "on": True})
    [found] = entries_of(thinned([given], QUARTER))
    assert (found.reading, found.kernel, found.received, found.dated) == (given.reading, "kernel-1", 77, given.dated)
    assert (found.message.sent, found.message.oldest) == (given.message.sent, given.message.oldest)


def test_readings_without_a_time_are_thinned_by_their_boots_clock_and_stay_apart() -> None:
    undated = tuple(entry(seq, None, up=10_000 * seq, sent=None) for seq in range(9))
    result = thin([StoredFrame(1, undated, (UNIT, BOOT))], MINUTE, count(5).__next__, None)
    assert kept(result) == [0, 6]
    assert {mark.undated for mark in result.outline.marks} == {(UNIT, BOOT)}
    assert [entry.dated for entry in entries_of(result)] == [None] * 3


def test_losses_and_events_are_not_thinned() -> None:
    loss = entry(1, (START + 1, "device"), device="board", model="esp32", measurement="loss", signals=lost(1, 2))
    result = thinned([*every_ten_seconds([0]), loss], QUARTER)
    assert kept(result) == [0, 1]
    assert losses(result) == []


def test_roll_ups_stay_until_nothing_but_losses_does() -> None:
    hour = entry(7, (START + 2, "gateway"), measurement="bms")
    rolled_up = replace(hour.reading, measurement="bms_1h")
    hour = replace(hour, message=replace(hour.message, reading=rolled_up, document=b""))
    quarter = thinned([*every_ten_seconds([0]), hour], QUARTER)
    assert [entry.reading.measurement for entry in entries_of(quarter)] == ["bms", "bms_1h"]
    emptied = thinned([*every_ten_seconds([0]), hour], EMPTIED)
    assert [entry.reading.measurement for entry in entries_of(emptied)] == ["loss"]
    assert losses(emptied) == [(0, 1, "journal_full")]
    assert emptied.given_up == 1


def test_a_second_thinning_keeps_what_the_first_told() -> None:
    first = entries_of(thinned(every_ten_seconds(range(180)), MINUTE))
    second = thinned(first, QUARTER, was=MINUTE)
    assert kept(second) == [0, 90]
    assert sorted(losses(second)) == [(1, 150, "journal_thinned"), (6, 28, "journal_thinned")]


def test_in_the_end_losses_are_left_one_for_each_boot_and_reason() -> None:
    first = entries_of(thinned(every_ten_seconds(range(180)), MINUTE))
    second = entries_of(thinned(first, QUARTER, was=MINUTE))
    board = entry(200, (START, "device"), device="board", model="esp32", measurement="loss", signals=lost(10, 210))
    emptied = thinned([*second, board], EMPTIED)
    assert sorted(losses(emptied)) == [(0, 2, "journal_full"), (1, 178, "journal_thinned")]
    assert kept(emptied) == [200]
    again = thinned([*entries_of(emptied), *every_ten_seconds(range(300, 303))], EMPTIED)
    assert sorted(losses(again)) == [(0, 5, "journal_full"), (1, 178, "journal_thinned")]


def test_the_same_level_gives_nothing_up() -> None:
    result = thinned(every_ten_seconds(range(10)), MINUTE, was=MINUTE)
    assert kept(result) == list(range(10))
    assert (result.given_up, losses(result)) == (0, [])


def test_frames_are_of_a_size_that_a_portion_can_take() -> None:
    result = thinned(every_ten_seconds(range(6 * 250)), MINUTE)
    assert [mark.readings for mark in result.outline.marks] == [FRAME_READINGS, FRAME_READINGS, 51]


def test_the_frames_say_which_file_they_replace() -> None:
    result = thin([StoredFrame(1, tuple(every_ten_seconds(range(9))), None)], MINUTE, count(5).__next__, 7)
    frames, _ = framelog.scan(result.data)
    assert {(stored(frame).level, stored(frame).replaces) for frame in frames} == {(MINUTE, 7)}
