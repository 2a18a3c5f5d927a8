"""Runs under CPython and MicroPython; see run.py."""

import os

from state import LONGEST_ERROR, State

COPIES = tuple("suite_state_%d_%d" % (int.from_bytes(os.urandom(4), "little"), number) for number in (1, 2))


def state(said=None):
    return State(COPIES, [].append if said is None else said.append)


def fresh():
    for path in COPIES:
        try:
            os.remove(path)
        except OSError:
            pass


def copies():
    contents = []
    for path in COPIES:
        with open(path, "rb") as file:
            contents.append(file.read())
    return contents


def spoil(path, content=b"00000000 [9,9]\n"):
    with open(path, "wb") as file:
        file.write(content)


def with_clean_files(test):
    def wrapped():
        fresh()
        try:
            test()
        finally:
            fresh()

    return wrapped


@with_clean_files
def test_a_board_that_never_started_knows_nothing_and_complains_of_nothing():
    said = []
    assert state(said).report() == {"starts": 0, "reset_cause": None, "last_error": None}
    assert said == []


@with_clean_files
def test_starts_are_counted_and_the_cause_is_of_the_last():
    for number, cause in enumerate(("power_on", "soft", "hard"), 1):
        started = state()
        started.begin(cause)
        assert state().report() == started.report() == {"starts": number, "reset_cause": cause, "last_error": None}


@with_clean_files
def test_an_error_says_which_start_it_ended_and_stays():
    started = state()
    started.begin("power_on")
    started.end("OSError: 5")
    for _ in range(3):
        started = state()
        started.begin("hard")
    assert state().report() == {"starts": 4, "reset_cause": "hard", "last_error": "start 1: OSError: 5"}


@with_clean_files
def test_a_watchdog_is_the_error_of_the_start_before():
    state().begin("power_on")
    state().begin("watchdog")
    assert state().last_error == "start 1: the watchdog was not fed"


@with_clean_files
def test_resets_for_want_of_wifi_are_counted_until_it_is_back():
    started = state()
    started.begin("power_on")
    started.end("no Wi-Fi", for_wifi=True)
    started = state()
    started.begin("hard")
    assert started.wifi_resets == 1
    started.wifi_is_back()
    assert state().wifi_resets == 0
    written = copies()
    started.wifi_is_back()
    assert copies() == written  # nothing new, nothing written


@with_clean_files
def test_one_damaged_copy_costs_the_last_write_at_most():
    for newest in (0, 1):
        fresh()
        for _ in range(3 + newest):
            state().begin("power_on")
        spoil(COPIES[(1, 0)[newest]])
        said = []
        assert state(said).starts == 2 + newest
        assert said == ["state: %s is damaged; the other copy counts" % COPIES[(1, 0)[newest]]]
        state().begin("soft")
        assert state().starts == 3 + newest
        state().begin("soft")
        spoil(COPIES[(1, 0)[newest]], b"")
        assert state().starts in (3 + newest, 4 + newest)


@with_clean_files
def test_two_damaged_copies_are_said_and_counted_anew():
    spoil(COPIES[0])
    spoil(COPIES[1], b"\xff\xfe")
    said = []
    started = state(said)
    assert said == ["state: %s is damaged; counting anew" % path for path in COPIES]
    started.begin("power_on")
    assert state([]).starts == 1


@with_clean_files
def test_a_long_error_is_cut():
    started = state()
    started.end("x" * 1000)
    assert len(state().last_error) == LONGEST_ERROR


def test_flash_that_takes_nothing_costs_the_memory_alone():
    said = []
    started = State(("no/such/folder/1", "no/such/folder/2"), said.append)
    started.begin("power_on")
    started.end("OSError: 5")
    assert started.report() == {"starts": 1, "reset_cause": "power_on", "last_error": "start 1: OSError: 5"}
    assert len(said) == 2 and "flash takes no state" in said[0]
