"""Runs under CPython and MicroPython; see run.py."""

from presence import LONGEST_WAIT, OFFLINE_AFTER, Presence


def poll(presence, now, *answers):
    """One poll that had these answers: True for a valid one; it ends at the first False."""
    presence.begin()
    for answer in answers:
        if not answer:
            presence.missed(now)
            return presence.state()
        presence.answered()
    return presence.state()


def offline():
    presence = Presence()
    while poll(presence, 0, False) != "offline":
        pass
    return presence


def test_it_is_suspect_until_it_answers():
    presence = Presence()
    assert presence.state() == "suspect" and presence.is_due(0)
    assert poll(presence, 0, True) == "online"


def test_misses_in_a_row_make_it_suspect_and_then_offline():
    presence = Presence()
    poll(presence, 0, True)
    assert [poll(presence, 0, False) for _ in range(OFFLINE_AFTER)] == ["suspect", "suspect", "offline"]
    assert poll(presence, 0, True) == "online"


def test_a_device_that_answers_a_part_never_goes_offline():
    presence = Presence()
    assert {poll(presence, 0, True, False) for _ in range(10)} == {"suspect"}
    assert presence.is_due(0)


def test_an_offline_device_is_due_once_per_wait_and_the_waits_grow_to_five_minutes():
    presence, now, waits = offline(), 0, []
    for _ in range(200):
        asked_at = now
        while not presence.is_due(now):
            now += 1000
        waits.append(now - asked_at)
        assert poll(presence, now, False) == "offline" and not presence.is_due(now)
    assert waits[:4] == [6000, 8000, 10000, 12000]
    assert waits == sorted(waits) and waits[-1] == LONGEST_WAIT == 300000


def test_it_works_every_time_that_a_device_goes_and_comes_back():
    presence = Presence()
    for _ in range(3):
        assert [poll(presence, 0, answer) for answer in (True, False, False, False)] == [
            "online", "suspect", "suspect", "offline"
        ]  # fmt: skip
        assert not presence.is_due(5999) and presence.is_due(6000)
        assert poll(presence, 6000, True) == "online" and presence.is_due(0)
