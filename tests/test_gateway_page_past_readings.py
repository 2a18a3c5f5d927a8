from dataclasses import replace
from typing import Any

from gateway.entry import GATEWAY, LOSS
from gateway.journal import Journal
from gateway.ledger import Origin
from gateway.page.doors import Bucket, Loss, Source
from gateway.page.past_readings import HOUR_MS, PastReadings
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026, RecordingDisk, entry

START = UTC_2026 - UTC_2026 % HOUR_MS


def told(seq: int, time_ms: int, **changes: Any) -> Any:
    """What no board sends: the gateway's own entries and those of the board in the place of others."""
    one = entry(seq, (time_ms, "device"))
    message = replace(one.message, reading=replace(one.reading, **changes), document=b"")
    return replace(one, message=message)


def past(*entries: Any) -> PastReadings:
    journal = Journal(RecordingDisk())
    for one in entries:
        journal.commit([one])
    return PastReadings(journal.past, journal.origin)


def soc(seq: int, minute: float, value: float, **changes: Any) -> Any:
    return entry(seq, (START + round(minute * 60_000), "device"), signals={"soc": value, "balancing": True}, **changes)


def asked(history: PastReadings, signals: tuple[str, ...] = ("soc",), hours: int = 1, points: int = 6) -> Any:
    return history.series(Source(UNIT, "bms1", "bms"), signals, START, START + hours * HOUR_MS, points)


def test_readings_are_gathered_into_buckets_with_lowest_mean_and_highest() -> None:
    history = past(soc(0, 0, 50), soc(1, 9.9, 54), soc(2, 5, 49), soc(3, 30, 60))
    assert asked(history) == {"soc": [Bucket(START, 49, 51, 54), Bucket(START + 30 * 60_000, 60, 60, 60)]}


def test_only_that_device_and_that_time_count_and_what_is_no_number_is_none() -> None:
    history = past(soc(0, -1, 1), soc(1, 60, 2), soc(2, 1, 3, device="bms2"), soc(3, 1, 50))
    assert asked(history, ("soc", "balancing", "soh")) == {"soc": [Bucket(START, 50, 50, 50)]}


def test_what_the_database_has_is_still_drawn() -> None:
    journal = Journal(RecordingDisk())
    journal.commit([soc(0, 1, 50)])
    frames = journal.take(newest=True, below=journal.next_frame, readings=9, busy=(), datable=lambda _key, _up: True)
    journal.forwarded([frame.mark for frame in frames])
    assert journal.pending_readings == 0
    assert asked(PastReadings(journal.past, journal.origin)) == {"soc": [Bucket(START, 50, 50, 50)]}


def test_a_reading_that_was_dated_afterwards_is_where_it_belongs() -> None:
    journal = Journal(RecordingDisk())
    journal.commit([entry(0, None, up=60_000, sent=60_100, signals={"soc": 50})])
    history = PastReadings(journal.past, journal.origin)
    assert asked(history) == {}
    journal.freeze_origin((UNIT, BOOT), Origin(START, "late", 10**9))
    assert asked(history) == {"soc": [Bucket(START, 50, 50, 50)]}


def rolled_up(seq: int, hour: int, low: float, mean: float, high: float) -> Any:
    signals = {"soc_min": low, "soc_mean": mean, "soc_max": high}
    return told(seq, START + hour * HOUR_MS, measurement="bms_1h", signals=signals)


def test_hours_are_drawn_from_the_roll_ups_and_the_last_one_made_counts() -> None:
    history = past(
        rolled_up(0, 0, 40, 45, 50), rolled_up(1, 2, 60, 61, 62), soc(2, 30, 99), rolled_up(3, 0, 39, 44, 50)
    )
    assert asked(history, hours=4, points=4) == {
        "soc": [Bucket(START, 39, 44, 50), Bucket(START + 2 * HOUR_MS, 60, 61, 62)]
    }


def test_a_signal_of_which_the_roll_ups_keep_no_lowest_is_drawn_by_its_mean() -> None:
    signals = {"soc_mean": 45.0, "soc_max": 50.0}
    history = past(told(0, START, measurement="bms_1h", signals=signals))
    assert asked(history, hours=2, points=2) == {"soc": [Bucket(START, 45, 45, 50)]}


def test_the_newest_losses_come_first_whoever_tells_them() -> None:
    def lost(seq: int, minute: int, device: str, **signals: Any) -> Any:
        said = {"readings": 5, "last_seq": seq + 4, "duration": 50.0, "reason": "spool_full"} | signals
        return told(seq, START + minute * 60_000, measurement=LOSS, device=device, model=device, signals=said)

    history = past(
        lost(10, 1, "board"), lost(20, 3, GATEWAY, reason="journal_full"), lost(30, 2, "board"), soc(0, 1, 1)
    )
    assert history.losses(START, START + HOUR_MS, 2) == [
        Loss(UNIT, START + 180_000, 5, 50.0, "journal_full"),
        Loss(UNIT, START + 120_000, 5, 50.0, "spool_full"),
    ]
    assert history.losses(START + 150_000, START + HOUR_MS, 9) == [Loss(UNIT, START + 180_000, 5, 50.0, "journal_full")]
