"""Runs under CPython and MicroPython; see run.py."""

from saving import Saving


class Unit:
    """A unit with a period of 10 s that polls every 60 s while bms1 is below 20 %."""

    def __init__(self):
        self.said = []
        self.saving = Saving("bms1", 20, 60, self.said.append)
        self.now = 0

    def after(self, soc, seconds=10, device="bms1"):
        self.now += seconds * 1000
        self.saving.heard(device, soc, self.now)
        return self.saving.period(10, self.now)


def test_it_saves_below_the_mark_and_until_the_charge_has_risen_well_above():
    unit = Unit()
    charges = [(20, 0), (199, 1), (20, 0), (249, 1), (25, 0), (24, 0), (19, 0)]
    assert [unit.after(soc) for soc in charges] == [10, 60, 60, 60, 10, 10, 60]


def test_a_full_battery_ends_it_whatever_the_mark():
    for mark in (96, 100):
        saving = Saving("bms1", mark, 60, print)
        for soc, period in (((mark - 1, 0), 60), ((100, 0), 10)):
            saving.heard("bms1", soc, 0)
            assert saving.period(10, 0) == period, mark


def test_each_way_is_said_once():
    unit = Unit()
    for soc in ((30, 0), (195, 1), (19, 0), (18, 0), (30, 0), (31, 0)):
        unit.after(soc)
    assert unit.said == ["bms1: below 20 %, so polls come every 60 s to save it", "bms1: polls come every 10 s again"]


def test_a_charge_that_is_not_known_saves_nothing():
    unit = Unit()
    assert unit.after(None) == 10 and unit.after((10, 0), device="bms2") == 10


def test_a_charge_is_known_for_three_periods():
    unit = Unit()
    unit.after((10, 0))
    assert [unit.after(None, 60) for _ in range(4)] == [60, 60, 60, 10]
    assert unit.after((10, 0)) == 60


def test_it_never_polls_more_often_than_usual():
    assert Saving("bms1", 20, 5, print).period(10, 0) == 10
    eager = Saving("bms1", 20, 5, lambda line: None)
    eager.heard("bms1", (10, 0), 0)
    assert eager.period(10, 0) == 10
