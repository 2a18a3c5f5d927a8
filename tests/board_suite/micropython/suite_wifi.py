"""The ladder, on the rig's radio whose faults this steers, with a clock that this jumps; and the radio's answers at odd
moments. Runs under MicroPython alone; see ../run.py. `Starts` stands in for the State.
"""

import os
import sys

import vfs

vfs.mount(vfs.VfsPosix("/"), "/.host")
FAULT = os.getcwd() + "/wifi_fault"
os.putenv("BOARD_WIFI_FAULT", FAULT)

import network
from board import Wifi
from wifi import LONGEST_RESET_AFTER, RADIO_OFF_EVERY, RESET_AFTER, Ladder, Restart

PASSWORD = "never-to-be-printed"


class Starts:
    def __init__(self, wifi_resets=0):
        self.wifi_resets = wifi_resets

    def wifi_is_back(self):
        self.wifi_resets = 0


class Rig:
    def __init__(self, fault=None, wifi_resets=0):
        self.up = 0
        self.safe = True
        self.state = Starts(wifi_resets)
        self.break_wifi(fault)
        self.ladder = Ladder(Wifi("village", PASSWORD), lambda: self.up, self.state, lambda: self.safe)

    def break_wifi(self, fault):
        self.mend()
        if fault:
            with open(FAULT, "w") as file:
                file.write(fault)

    def mend(self):
        try:
            os.remove(FAULT)
        except OSError:
            pass

    def joins(self, minutes):
        """A join a minute; how many it took until the board was in, None if it never was."""
        for number in range(1, minutes + 1):
            self.up += 60000
            try:
                self.ladder.join()
            except OSError:
                pass
            if self.ladder.connected():
                return number
        return None

    def restart_after(self, longest):
        """Milliseconds until the ladder asks for a restart, None if it does not within `longest`."""
        began = self.up
        while self.up - began < longest:
            try:
                self.joins(1)
            except Restart as error:
                self.reason = str(error)
                return self.up - began
        return None


def with_rig(test):
    def wrapped():
        rig = Rig()
        try:
            test(rig)
        finally:
            rig.mend()

    return wrapped


def test_a_network_that_is_there_takes_one_join():
    assert Rig().joins(1) == 1


@with_rig
def test_a_network_that_comes_back_is_joined_without_switching_the_radio_off(rig):
    rig.break_wifi("gone")
    assert rig.joins(RADIO_OFF_EVERY - 1) is None
    rig.mend()
    assert rig.ladder.connected()  # the chip joins by itself what it was told to join
    rig.break_wifi("gone")
    assert rig.joins(RADIO_OFF_EVERY - 1) is None


@with_rig
def test_a_radio_that_is_stuck_is_switched_off_and_on(rig):
    rig.break_wifi("stuck")
    assert rig.joins(10) == RADIO_OFF_EVERY


@with_rig
def test_a_radio_that_does_not_even_begin_is_tried_again(rig):
    rig.break_wifi("refuses")
    assert rig.joins(7) is None
    rig.mend()
    assert rig.joins(1) == 1


@with_rig
def test_the_board_restarts_after_an_hour_and_says_why(rig):
    rig.break_wifi("dead")
    assert rig.restart_after(2 * RESET_AFTER) == RESET_AFTER
    assert rig.reason == "no Wi-Fi for 60 min, and 59 joins did not help"


@with_rig
def test_an_hour_begins_when_the_wifi_was_there_last(rig):
    rig.up = RESET_AFTER // 2
    assert rig.joins(1) == 1
    rig.break_wifi("gone")
    assert rig.restart_after(2 * RESET_AFTER) == RESET_AFTER


@with_rig
def test_no_restart_while_a_reading_would_be_lost_by_it(rig):
    rig.break_wifi("gone")
    rig.safe = False
    assert rig.restart_after(2 * RESET_AFTER) is None
    rig.safe = True
    assert rig.restart_after(RESET_AFTER) == 60000


def test_restarts_in_a_row_come_twice_as_late_each_a_day_at_most():
    for resets, wait in (
        (1, 2 * RESET_AFTER),
        (3, 8 * RESET_AFTER),
        (5, LONGEST_RESET_AFTER),
        (999, LONGEST_RESET_AFTER),
    ):
        rig = Rig("gone", resets)
        try:
            assert rig.restart_after(2 * LONGEST_RESET_AFTER) == wait, resets
        finally:
            rig.mend()


@with_rig
def test_a_wifi_that_is_back_ends_the_row(rig):
    rig.state.wifi_resets = 5
    assert rig.joins(1) == 1
    assert rig.state.wifi_resets == 0


def test_the_strength_of_the_signal_and_none_without():
    rig = Rig()
    assert rig.ladder.rssi() is None
    rig.joins(1)
    assert rig.ladder.rssi() == -55


def test_there_is_none_when_the_network_goes_as_it_is_asked():
    wifi = Wifi("village", PASSWORD)
    wifi.join()

    def gone(name):
        raise OSError("Wifi Not Connected")

    wifi._station.status = gone
    assert wifi.connected() and wifi.rssi() is None
