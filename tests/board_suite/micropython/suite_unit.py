"""What becomes of a unit that something ends or stops. Runs under MicroPython alone, with umqtt on the path; see
../run.py. `Hardware` stands in for board.py, `Dog`, `Poller` and `Store` for watchdog, Poller and Spool.
"""

import os
import sys


class Reset(Exception):
    pass


class Hardware:
    def reset():
        raise Reset

    def reset_cause():
        return "power_on"


sys.modules["board"] = Hardware

import unit
from settings import SettingsError

FOLDER = "suite_unit_%d" % int.from_bytes(os.urandom(4), "little")


class Dog:
    fed = 0

    def feed(self):
        self.fed += 1


class Poller:
    def __init__(self, last_round):
        self.last_round = last_round


class Store:
    """Whatever flash does, `keep` returns."""

    kept = ()

    def keep(self, now):
        self.kept += (now,)


def tended(now, last_round):
    dog, store = Dog(), Store()
    unit.tend(dog, now, store, Poller(last_round), 70000)
    assert store.kept == (now,)
    return dog.fed == 1


def test_the_watchdog_is_fed_while_the_devices_are_polled():
    assert tended(0, 0) and tended(100000, 30000)


def test_a_poller_that_hangs_starves_the_watchdog_and_the_spool_is_kept_all_the_same():
    assert not tended(100000, 29999)


def complaint_about(content):
    """What is said of a profile with this content, None for no file."""
    os.mkdir(FOLDER)
    home = os.getcwd()
    try:
        os.chdir(FOLDER)
        if content is not None:
            os.mkdir("profiles")
            with open("profiles/jk_pb.json", "w") as file:
                file.write(content)
        unit._profile("jk_pb", 2)
    except SettingsError as error:
        return str(error)
    finally:
        os.chdir(home)
        if content is not None:
            os.remove(FOLDER + "/profiles/jk_pb.json")
            os.rmdir(FOLDER + "/profiles")
        os.rmdir(FOLDER)


def test_a_damaged_profile_is_one_line():
    for content in ("", "{", "[]", "7", "{}", '{"model": "jk_pb"}'):
        told = complaint_about(content)
        assert told == "profiles/jk_pb.json is damaged; make the bundle anew and deploy it", (content, told)


def test_a_missing_profile_is_one_line():
    assert complaint_about(None) == "profiles/jk_pb.json is missing; make the bundle anew and deploy it"
