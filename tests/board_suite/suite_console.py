"""The console's answers; runs under CPython and MicroPython alike."""

import asyncio
import io
import json

from console import Console


class Typed:
    """A technician's keys, one after the other; then the console closes."""

    def __init__(self, keys):
        self._keys = [keys[index : index + 1] for index in range(len(keys))]

    async def read(self, longest):
        assert longest == 1
        return self._keys.pop(0) if self._keys else b""


def no_room():
    raise MemoryError


def answer(keys, rooms=(("unit", lambda: "raft-01"), ("link", lambda: {"rssi": None}))):
    printed = io.StringIO()
    asyncio.run(Console(Typed(keys), printed, rooms).run())
    return printed.getvalue()


def test_report_is_one_line_of_json():
    told = answer(b"report\r")
    assert told.startswith("report: ") and told.endswith("\n") and told.count("\n") == 1
    assert json.loads(told[8:]) == {"unit": "raft-01", "link": {"rssi": None}}


def test_a_room_that_has_no_memory_to_tell_is_null_and_the_others_tell():
    told = answer(b"report\n", (("bus", no_room), ("heap_free", lambda: 900)))
    assert json.loads(told[8:]) == {"bus": None, "heap_free": 900}


def test_every_line_ending_will_do_and_each_question_is_answered():
    assert answer(b"report\r\nreport\n").count("report: ") == 2


def test_what_is_no_question_is_passed_over():
    assert answer(b"repor\nreports\n report\nREPORT\n\xff\x00\n\n") == ""


def test_a_long_line_takes_no_memory_and_the_next_one_is_heard():
    assert answer(b"x" * 1000 + b"report\nreport\n").count("report: ") == 1


def test_a_question_without_its_end_is_not_answered():
    assert answer(b"report") == ""
