"""What is said of a unit that cannot work. Runs under MicroPython alone, with umqtt on the path; see ../run.py. `Hardware`
stands in for board.py.
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

import configuration
import unit

FOLDER = "suite_unit_%d" % int.from_bytes(os.urandom(4), "little")


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
        configuration.profile({"model": "jk_pb", "address": 2})
    except configuration.ProfileError as error:
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
        assert told == "profiles/jk_pb.json is damaged; run make flash on a laptop", (content, told)


def test_a_missing_profile_is_one_line():
    assert complaint_about(None) == "profiles/jk_pb.json is missing; run make flash on a laptop"


def test_an_exception_is_told_in_one_line_with_its_place():
    try:
        configuration.profile(7 / 0)
    except ZeroDivisionError as error:
        told = unit._told(error)
    assert told.startswith("ZeroDivisionError: divide by zero, File ") and "suite_unit" in told, told
