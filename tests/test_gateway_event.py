from typing import Any

from gateway.entry import Entry, bare
from gateway.event import as_document, elapsed, event, identity, is_older, later, of_document
from tests.gateway_stand_ins import UTC_2026, entry

OTHER = "00000000000000bb"


def undated(seq: int, **changes: Any) -> Entry:
    return entry(seq, None, **changes)


def test_an_event_stands_where_the_reading_stood() -> None:
    reading = entry(7, (UTC_2026, "late"), error="half of it")
    made = event(reading, "soc_low", 19.5, "19.5 %, below 20", is_on=True)
    assert (made.key, made.reading.seq, made.reading.up, made.dated) == (reading.key, 7, 7000, (UTC_2026, "late"))
    assert (made.reading.device, made.reading.model, made.reading.measurement) == ("bms1", "jk_pb", "event")
    assert made.reading.signals == {"name": "soc_low", "state": True, "value": 19.5, "text": "19.5 %, below 20"}
    assert made.reading.error is None
    assert made.made_here


def test_two_changes_are_the_same_when_the_same_reading_made_them() -> None:
    made = event(entry(7), "soc_low", 19.5, "", is_on=True)
    assert identity(made) == identity(event(entry(7), "soc_low", 19.5, "", is_on=True))
    others = (
        event(entry(8), "soc_low", 19.5, "", is_on=True),
        event(entry(7), "soc_low", 19.5, "", is_on=False),
        event(entry(7), "soc_high", 19.5, "", is_on=True),
        event(later(entry(7), 1), "soc_low", 19.5, "", is_on=True),
    )
    assert identity(made) not in {identity(other) for other in others}


def test_later_moves_both_clocks() -> None:
    moved = later(entry(1, (UTC_2026, "device")), 5)
    assert (moved.reading.up, moved.dated) == (1005, (UTC_2026 + 5, "device"))
    assert later(undated(1), 5).dated is None


def test_which_is_older_is_told_by_the_boots_clock_or_by_utc() -> None:
    assert is_older(entry(1), entry(2))
    assert not is_older(entry(2), entry(2))
    assert not is_older(entry(2, (UTC_2026 - 9, "device")), entry(1))
    assert is_older(entry(2, (UTC_2026 - 9, "device"), boot=OTHER), entry(1))
    assert not is_older(entry(1, boot=OTHER), entry(2))


def test_a_reading_of_a_boot_that_is_over_is_older_than_any() -> None:
    assert is_older(undated(9, sent=None), entry(1, boot=OTHER))
    assert not is_older(undated(9), entry(1, boot=OTHER))


def test_the_time_between_two() -> None:
    assert elapsed(undated(1), undated(3)) == 2000
    assert elapsed(entry(1), entry(3, (UTC_2026 + 70, "device"), boot=OTHER)) == 70
    assert elapsed(undated(1), entry(3, boot=OTHER)) is None


def test_a_bare_entry_survives_as_a_document() -> None:
    for original in (entry(3, queued=True), undated(4, sent=None), entry(5, (UTC_2026, "late"), unit="raft-02")):
        without = bare(original)
        assert without.reading.signals == {}
        assert of_document(as_document(without)) == without
