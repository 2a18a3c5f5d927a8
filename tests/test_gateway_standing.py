import json
from typing import Any

from gateway.entry import Entry
from gateway.standing import Flapping, Standing
from tests.gateway_stand_ins import UTC_2026, entry

RULE = Flapping(changes=4, within=60_000, every=600_000)
NAME = "cell over-voltage"

Told = tuple[int, bool, Any, str]
"""Seconds from UTC_2026, whether it begins, value and text."""


def at(seconds: int, **changes: Any) -> Entry:
    ms = 1000 * seconds
    return entry(seconds, (UTC_2026 + ms, "device"), **({"up": ms, "sent": ms} | changes))


def say(standing: Standing, seconds: int, is_on: bool) -> list[Told]:
    made = standing.say(at(seconds), NAME, None, NAME, is_on=is_on)
    return [] if made is None else [told(made)]


def told(made: Entry) -> Told:
    signals = made.reading.signals
    assert made.dated is not None
    return (made.dated[0] - UTC_2026) // 1000, signals["state"] is True, signals.get("value"), str(signals["text"])


def flap(standing: Standing, seconds: range) -> list[Told]:
    """On at every second one of these seconds, off between, from on."""
    return [made for index, second in enumerate(seconds) for made in say(standing, second, index % 2 == 0)]


def test_the_first_changes_are_told_at_once_and_the_next_one_says_that_it_flaps() -> None:
    standing = Standing(RULE)
    assert flap(standing, range(0, 30, 10)) == [
        (0, True, None, NAME),
        (10, False, None, f"over: {NAME}"),
        (20, True, None, NAME),
    ]
    assert say(standing, 30, is_on=False) == [(30, True, 4.0, "flapping: 4 changes in 30 s; counted from now on")]
    assert standing.alarms[NAME].since == UTC_2026 + 20_000


def test_a_day_of_changes_at_every_reading_costs_an_event_per_interval_and_loses_none() -> None:
    standing = Standing(RULE)
    events = flap(standing, range(0, 86_400, 10))
    assert len(events) == 3 + 1 + 86_400 // 600 - 1
    assert [value for _, _, value, _ in events[3:6]] == [4, 64, 124]
    events += say(standing, 86_400 + 60, is_on=False)
    assert events[-1] == (86_460, False, 8640.0, "over: it flapped, 8640 changes")
    assert standing.alarms == {}


def test_one_that_keeps_still_while_it_is_on_goes_on_as_any_alarm() -> None:
    standing = Standing(RULE)
    flap(standing, range(5))
    assert say(standing, 63, is_on=True) == []
    assert say(standing, 64, is_on=True) == [(64, True, 5.0, f"{NAME}; it flapped, 5 changes")]
    assert say(standing, 70, is_on=False) == [(70, False, None, f"over: {NAME}; it flapped, 5 changes")]


def test_changes_that_are_far_enough_apart_are_each_told() -> None:
    standing = Standing(RULE)
    assert len(flap(standing, range(0, 3000, 30))) == 100


def test_what_a_person_acknowledged_stays_so_while_it_flaps() -> None:
    standing = Standing(RULE)
    flap(standing, range(3))
    standing.alarms[NAME].acknowledged = True
    flap(standing, range(3, 200))
    assert standing.alarms[NAME].acknowledged


def test_a_restart_in_the_middle_changes_nothing() -> None:
    whole = Standing(RULE)
    expected = flap(whole, range(0, 2000, 10))
    for restart in (20, 40, 60, 700, 1980):
        first, second = Standing(RULE), Standing(RULE)
        events = flap(first, range(0, restart, 10))
        second.restore(json.loads(json.dumps(first.state())))
        events += flap(second, range(restart, 2000, 10))
        assert events == expected, restart
        assert second.alarms == whole.alarms


def test_where_no_times_tell_how_long_it_was_nothing_counts_as_flapping() -> None:
    standing = Standing(RULE)
    for boot in range(8):
        here = entry(boot, None, boot=f"{boot:016x}")
        made = standing.say(here, NAME, None, NAME, is_on=boot % 2 == 0)
        assert made is not None
        assert "value" not in made.reading.signals


def test_one_that_ends_for_another_reason_says_how_often_it_changed() -> None:
    standing = Standing(RULE)
    flap(standing, range(10))
    assert told(standing.end(at(20), NAME, "no later reading tells of it"))[:3] == (20, False, 10.0)
    assert (standing.alarms, standing.is_on(NAME)) == ({}, False)
