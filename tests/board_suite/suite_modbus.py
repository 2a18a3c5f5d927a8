"""Runs under CPython and MicroPython; see run.py. `Bus` stands in for the serial port and its slaves: it plays a
script.
"""

import asyncio

import rtu
from modbus import Master, NoReading


class Profile:
    """A device's profile, as far as the master looks at it."""

    model = "jk_pb"
    baudrate, parity, stop_bits = 9600, "N", 1
    timeout_ms, gap_ms = 350, 0

    @staticmethod
    def reply_address(address):
        return address


class Paused(Profile):
    gap_ms = 120


DEADLINE = 361  # ms: the timeout, and the time that 9 bytes take


class Time:
    """Milliseconds that pass only when somebody waits for something."""

    def __init__(self):
        self.ms = 0
        self.deadline = None

    def now(self):
        return self.ms

    async def until(self, when):
        await asyncio.sleep(0)
        if self.deadline is not None and when >= self.deadline:
            self.ms = self.deadline
            raise asyncio.TimeoutError
        self.ms = max(self.ms, when)

    async def sleep(self, seconds):
        await self.until(self.ms + round(seconds * 1000))

    async def wait_for(self, coroutine, seconds):
        self.deadline = self.ms + round(seconds * 1000)
        try:
            return await coroutine
        finally:
            self.deadline = None


class Bus:
    """Answers the n-th request with the n-th entry of `script`: a list of (ms after the request, bytes). Then it is
    silent. What comes later than it is waited for stays under way, as on a wire.
    """

    def __init__(self, *script):
        self.time = Time()
        self.script = list(script)
        self.requests = []
        self.asked_at = []
        self.formats = []
        self.under_way = []

    def configure(self, *settings):
        self.formats.append(settings)

    def clear(self):
        self.under_way = [each for each in self.under_way if each[0] > self.time.ms]

    def write(self, data):
        self.requests.append(data)
        self.asked_at.append(self.time.ms)
        answer = self.script.pop(0) if self.script else []
        self.under_way = sorted(self.under_way + [(self.time.ms + ms, data) for ms, data in answer])

    async def read(self, longest):
        await self.time.until(self.under_way[0][0] if self.under_way else 1_000_000)
        return self.under_way.pop(0)[1][:longest]


def with_crc(frame):
    crc = rtu.crc16(frame)
    return frame + bytes([crc & 0xFF, crc >> 8])


ONE = with_crc(bytes([2, 3, 4, 1, 2, 3, 4]))
ANOTHER = with_crc(bytes([2, 3, 4, 5, 6, 7, 8]))
OTHER_DEVICE = with_crc(bytes([1, 3, 4, 9, 9, 9, 9]))
OTHER_LENGTH = with_crc(bytes([2, 3, 2, 9, 9]))
OTHER_FUNCTION = with_crc(bytes([2, 4, 4, 9, 9, 9, 9]))
REFUSAL = with_crc(bytes([2, 0x83, 2]))


def master_of(bus):
    return Master(bus, bus.time.now, bus.time.sleep, bus.time.wait_for)


def read(bus):
    return asyncio.run(master_of(bus).read("bms1", Profile, 2, 3, 0x1200, 2))


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
    pieces = [(0, b"\x00\xff\x02"), (1, ONE[:3]), (2, ONE[3:6]), (3, ONE[6:])]
    assert read(Bus(pieces)) == b"\x01\x02\x03\x04"


def test_an_echo_of_the_request_is_passed_over():
    assert read(Bus([(0, rtu.request(2, 3, 0x1200, 2) + ONE)])) == b"\x01\x02\x03\x04"


def test_what_does_not_fit_the_question_is_not_taken():
    damaged = ONE[:-1] + bytes([ONE[-1] ^ 1])
    for foreign in (OTHER_DEVICE, OTHER_LENGTH, OTHER_FUNCTION, damaged):
        assert read(Bus([(0, foreign), (1, ONE)])) == b"\x01\x02\x03\x04"
        assert "no valid answer" in str(complaint(Bus([(0, foreign)], [(0, foreign)], [(0, foreign)])))


def test_it_tries_three_times_and_says_what_to_do():
    bus = Bus()
    error = complaint(bus)
    assert len(bus.requests) == 3 and error.refusal is None
    assert (
        str(error) == "bms1 (jk_pb, address 2): no answer in 350 ms, 3 tries; check A/B wiring and the address switch"
    )
    assert read(Bus([], [], [(0, ONE)])) == b"\x01\x02\x03\x04"


def test_bytes_that_make_no_answer_are_shown():
    error = complaint(Bus([(0, b"\x00\x7f\x01")], [(0, b"\x00\x7f\x01")], [(0, b"\x00\x7f\x01")]))
    assert "3 bytes (007f01)" in str(error) and error.refusal is None


def test_a_refusal_ends_it_at_once():
    bus = Bus([(0, REFUSAL)])
    error = complaint(bus)
    assert len(bus.requests) == 1 and error.refusal == 2 and "0x1200" in str(error) and "exception 2" in str(error)


def test_stale_input_is_dropped_before_each_request():
    bus = Bus([], [(0, ONE)])
    bus.under_way = [(0, ANOTHER)]
    assert read(bus) == b"\x01\x02\x03\x04"


def test_each_try_has_one_deadline():
    babble = [(200 * number, b"\x55") for number in range(10)]
    bus = Bus(babble, babble, babble)
    assert "no valid answer" in str(complaint(bus))
    assert bus.asked_at == [0, DEADLINE, 2 * DEADLINE] and bus.time.ms == 3 * DEADLINE


def test_the_gap_of_the_profile_is_kept():
    bus = Bus([(0, ONE)], [(0, ONE)])
    master = master_of(bus)

    async def ask():
        await master.read("bms1", Paused, 2, 3, 0x1200, 2)
        bus.time.ms += 50
        await master.read("bms1", Paused, 2, 3, 0x1300, 2)

    asyncio.run(ask())
    assert bus.asked_at == [120, 240]


def answers(bus, *questions):
    """What the master gives for questions (address, function, start, count), one after the other."""
    master = master_of(bus)

    given = []

    async def ask():
        for question in questions:
            given.append(await master.read("device", Profile, *question))

    asyncio.run(ask())
    return given


def test_a_question_that_was_answered_at_once_delays_nothing():
    bus = Bus([(10, ONE)], [(10, ANOTHER)])
    answers(bus, (2, 3, 0x1200, 2), (2, 3, 0x1300, 2))
    assert bus.asked_at == [0, 10]


def test_a_late_answer_is_not_taken_for_that_of_any_later_question():
    bus = Bus([(700, ONE)], [(10, ONE)], [(10, OTHER_FUNCTION)], [(350, ANOTHER)])
    first, _, last = answers(bus, (2, 3, 0x1200, 2), (2, 4, 0x1200, 2), (2, 3, 0x1300, 2))
    assert (first, last) == (b"\x01\x02\x03\x04", b"\x05\x06\x07\x08")


def test_the_answer_to_a_try_that_an_earlier_ones_answer_ended_is_owed_too():
    bus = Bus([(500, ONE)], [(600, ONE)], [(350, ANOTHER)])
    assert answers(bus, (2, 3, 0x1200, 2), (2, 3, 0x1300, 2))[1] == b"\x05\x06\x07\x08"


def test_a_late_refusal_is_not_taken_for_that_of_a_question_for_another_count():
    bus = Bus([(700, REFUSAL)], [(10, ONE)], [(350, OTHER_LENGTH)])
    assert answers(bus, (2, 3, 0x1200, 2), (2, 3, 0x1300, 1))[1] == b"\x09\x09"


def test_nobody_waits_for_what_cannot_be_taken_for_the_own_answer():
    bus = Bus([], [(10, ONE)], [(10, OTHER_FUNCTION)], [(10, OTHER_DEVICE)])
    answers(bus, (2, 3, 0x1200, 2), (2, 4, 0x1200, 2), (1, 3, 0x1200, 2))
    assert bus.asked_at == [0, DEADLINE, DEADLINE + 10, DEADLINE + 20]


def test_two_callers_never_share_the_bus():
    bus = Bus([(5, ONE)], [(5, ANOTHER)])
    master = master_of(bus)

    async def ask():
        return await asyncio.gather(
            master.read("bms1", Profile, 2, 3, 0x1200, 2), master.read("bms1", Profile, 2, 3, 0x1300, 2)
        )

    assert list(asyncio.run(ask())) == [b"\x01\x02\x03\x04", b"\x05\x06\x07\x08"]
    assert bus.asked_at == [0, 5]
