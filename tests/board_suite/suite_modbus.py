"""Runs under CPython and MicroPython; see run.py. `Bus` stands in for the serial port and its slaves: it plays a
script.
"""

import asyncio

import rtu
from modbus import Master, NoReading


class Fast:
    """A device's profile, as far as the master looks at it."""

    model = "jk_pb"
    baudrate, parity, stop_bits = 9600, "N", 1
    timeout_ms, gap_ms = 30, 0


class Paused(Fast):
    gap_ms = 120


class Bus:
    """Answers the n-th request with the n-th entry of `script`: a list of (seconds to wait, bytes). Then it is silent."""

    def __init__(self, *script):
        self.script = list(script)
        self.requests = []
        self.formats = []
        self.stale = b""
        self.dropped = []
        self.pending = []

    def configure(self, *settings):
        self.formats.append(settings)

    def clear(self):
        self.dropped.append(self.stale)
        self.stale = b""

    async def write(self, data):
        self.requests.append(data)
        self.pending = list(self.script.pop(0)) if self.script else []

    async def read(self, longest):
        if not self.pending:
            await asyncio.sleep(10)
        wait, data = self.pending.pop(0)
        await asyncio.sleep(wait)
        return data[:longest]


class Time:
    """Milliseconds that pass only when the master sleeps; the deadline itself runs in real time."""

    def __init__(self):
        self.ms = 0
        self.slept = []

    def now(self):
        return self.ms


def with_crc(frame):
    crc = rtu.crc16(frame)
    return frame + bytes([crc & 0xFF, crc >> 8])


ONE = with_crc(bytes([2, 3, 4, 1, 2, 3, 4]))
OTHER_DEVICE = with_crc(bytes([1, 3, 4, 9, 9, 9, 9]))
OTHER_LENGTH = with_crc(bytes([2, 3, 2, 9, 9]))
OTHER_FUNCTION = with_crc(bytes([2, 4, 4, 9, 9, 9, 9]))
REFUSAL = with_crc(bytes([2, 0x83, 2]))


def read(bus):
    master = Master(bus, Time().now)
    return asyncio.run(master.read("bms1", Fast, 2, 3, 0x1200, 2))


def complaint(bus):
    try:
        read(bus)
    except NoReading as error:
        return error
    raise AssertionError("it was read")


def test_a_reply_gives_its_data():
    bus = Bus([(0, ONE)])
    assert read(bus) == b"\x01\x02\x03\x04"
    assert bus.requests == [rtu.request(2, 3, 0x1200, 2)] and bus.formats == [(9600, "N", 1)]


def test_a_reply_may_come_in_pieces_and_after_noise():
    assert (
        read(Bus([(0, b"\x00\xff\x02"), (0.001, ONE[:3]), (0.001, ONE[3:6]), (0.001, ONE[6:])])) == b"\x01\x02\x03\x04"
    )


def test_an_echo_of_the_request_is_passed_over():
    assert read(Bus([(0, rtu.request(2, 3, 0x1200, 2) + ONE)])) == b"\x01\x02\x03\x04"


def test_what_does_not_fit_the_question_is_not_taken():
    damaged = ONE[:-1] + bytes([ONE[-1] ^ 1])
    for foreign in (OTHER_DEVICE, OTHER_LENGTH, OTHER_FUNCTION, damaged):
        assert read(Bus([(0, foreign), (0.001, ONE)])) == b"\x01\x02\x03\x04"
        assert "no valid answer" in str(complaint(Bus([(0, foreign)], [(0, foreign)], [(0, foreign)])))


def test_it_tries_three_times_and_says_what_to_do():
    bus = Bus()
    error = complaint(bus)
    assert len(bus.requests) == 3 and error.silent
    assert str(error) == "bms1 (jk_pb, address 2): no answer in 30 ms, 3 tries; check A/B wiring and the address switch"
    assert read(Bus([], [], [(0, ONE)])) == b"\x01\x02\x03\x04"


def test_bytes_that_make_no_answer_are_shown():
    error = complaint(Bus([(0, b"\x00\x7f\x01")], [(0, b"\x00\x7f\x01")], [(0, b"\x00\x7f\x01")]))
    assert "3 bytes (007f01)" in str(error) and not error.silent


def test_a_refusal_ends_it_at_once():
    bus = Bus([(0, REFUSAL)])
    error = complaint(bus)
    assert len(bus.requests) == 1 and error.refused and "0x1200" in str(error) and "exception 2" in str(error)


def test_stale_input_is_dropped_before_each_request():
    bus = Bus([], [(0, ONE)])
    bus.stale = ONE
    read(bus)
    assert bus.dropped == [ONE, b""]


def test_the_whole_transaction_has_one_deadline():
    drops = [(0.02, b"\x55")] * 100  # a babbling slave: never silent for 30 ms
    assert "no valid answer" in str(complaint(Bus(drops, drops, drops)))


def sleeping(time):
    """Lets asyncio.sleep move `time` instead of waiting; what the master asked for is in `time.slept`."""

    async def sleep(seconds):
        time.slept.append(round(seconds * 1000))
        time.ms += round(seconds * 1000)

    return sleep


def test_the_gap_of_the_profile_is_kept():
    time = Time()
    master = Master(Bus([(0, ONE)], [(0, ONE)]), time.now, sleeping(time))

    async def ask():
        await master.read("bms1", Paused, 2, 3, 0x1200, 2)
        time.ms += 50
        await master.read("bms1", Paused, 2, 3, 0x1300, 2)

    asyncio.run(ask())
    assert time.slept == [120, 70]


def test_a_late_answer_cannot_become_the_next_questions():
    time = Time()
    bus = Bus([], [(0, ONE)], [(0, ONE)], [(0, OTHER_DEVICE)])
    master = Master(bus, time.now, sleeping(time))

    async def ask():
        await master.read("bms1", Fast, 2, 3, 0x1200, 2)  # the second try got an answer; the first one's may still come
        await master.read("bms1", Fast, 2, 3, 0x1300, 2)  # looks the same: the master waits
        await master.read("mppt1", Fast, 1, 3, 0x1300, 2)  # does not

    asyncio.run(ask())
    assert len(time.slept) == 1 and time.slept[0] >= Fast.timeout_ms


def test_two_callers_never_share_the_bus():
    bus = Bus([(0.005, ONE)], [(0.005, ONE)])
    master = Master(bus, Time().now)

    async def ask():
        return await asyncio.gather(
            master.read("bms1", Fast, 2, 3, 0x1200, 2), master.read("bms1", Fast, 2, 3, 0x1200, 2)
        )

    assert list(asyncio.run(ask())) == [b"\x01\x02\x03\x04"] * 2
