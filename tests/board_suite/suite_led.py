"""Runs under CPython and MicroPython; see run.py."""

import asyncio

from led import NO_BUS, NO_GATEWAY, NO_WIFI, PAUSE, WELL, blink, code


class Dark(Exception):
    """The test has seen enough."""


def seen(*counts):
    """(seconds, lit or not) of each sleep, while `blinks` tells the counts one after the other."""
    story, lit, counts = [], [0], list(counts)

    def light(on):
        lit[0] = on

    async def sleep(seconds):
        story.append((seconds, lit[0]))

    def blinks():
        if not counts:
            raise Dark
        return counts.pop(0)

    try:
        asyncio.run(blink(light, blinks, sleep))
    except Dark:
        return story


def test_a_group_has_as_many_blinks_as_told_behind_a_dark_pause():
    story = seen(2, 1)
    assert [lit for _, lit in story] == [0, 1, 0, 1, 0, 0, 1, 0, 0]
    pauses = [index for index, (seconds, _) in enumerate(story) if seconds == PAUSE]
    assert pauses == [0, 5, 8]
    assert (
        max(seconds for seconds, _ in story if seconds != PAUSE) * 3 < PAUSE
    )  # a group is told from the next one by eye


def test_what_is_nearest_to_the_devices_is_shown_first():
    assert code(True, True, True) == WELL
    assert code(False, False, False) == NO_BUS
    assert code(True, False, False) == NO_WIFI
    assert code(True, True, False) == NO_GATEWAY
    assert len({WELL, NO_BUS, NO_WIFI, NO_GATEWAY}) == 4
