"""Runs under CPython and MicroPython; see run.py. Serial port, slaves and time are stand-ins, in wire.py."""

import asyncio

import rtu
from modbus import Master, NoReading
from tally import Tally
from wire import Bus, with_crc


class Profile:
    """A device's profile, as far as the master looks at it."""

    model = "jk_pb"
    baudrate, parity, stop_bits = 9600, "N", 1
    timeout_ms, gap_ms = 350, 0

    def reply_address(address):
        return address


class Paused(Profile):
    gap_ms = 120


class Daly(Profile):
    """Asked at 0x81 it answers from 0x51."""

    def reply_address(address):
        return address - 0x30


DEADLINE = 361  # ms: the timeout, and the time that 9 bytes take


ONE = with_crc(bytes([2, 3, 4, 1, 2, 3, 4]))
ANOTHER = with_crc(bytes([2, 3, 4, 5, 6, 7, 8]))
OTHER_DEVICE = with_crc(bytes([1, 3, 4, 9, 9, 9, 9]))
OTHER_LENGTH = with_crc(bytes([2, 3, 2, 9, 9]))
OTHER_FUNCTION = with_crc(bytes([2, 4, 4, 9, 9, 9, 9]))
REFUSAL = with_crc(bytes([2, 0x83, 2]))
BUSY = with_crc(bytes([2, 0x83, 6]))


def master_of(bus):
    return Master(bus, bus.time.now, bus.time.sleep, bus.time.wait_for)


def read(bus, **limits):
    return asyncio.run(master_of(bus).read("bms1", Profile, 2, 3, 0x1200, 2, **limits))


def complaint(bus, **limits):
    try:
        read(bus, **limits)
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


def test_bytes_that_make_no_answer_are_told_apart_and_have_one_text_because_the_spool_keeps_each():
    for noise in (b"\x00\x7f\x01", b"\x55\xaa", ONE[:-1]):
        error = complaint(Bus([(0, noise)], [(0, noise)], [(0, noise)]))
        assert "no valid answer in 350 ms, 3 tries, but noise; check" in str(error) and error.refusal is None
    for foreign in (OTHER_DEVICE, OTHER_FUNCTION + b"\x00"):
        assert "3 tries, but another's answer; check" in str(complaint(Bus(*[[(0, foreign)]] * 3)))


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


def test_a_sleep_that_ends_too_early_shortens_no_pause_and_leaves_nothing_owed():
    bus = Bus([], [(10, ONE)], [(10, ANOTHER)])
    sound = bus.time.sleep

    async def early(seconds):  # to the ESP32 int(0.251 * 1000) is 250, and so asyncio.sleep counts
        await sound(seconds - 0.001 if seconds > 0.001 else seconds)

    bus.time.sleep = early
    master = master_of(bus)

    async def ask():
        try:
            await master.read("bms1", Profile, 2, 3, 0x1200, 2, tries=1)
        except NoReading:
            await master.read("bms1", Profile, 2, 3, 0x1300, 2)
            await master.read("bms1", Profile, 2, 3, 0x1400, 2)

    asyncio.run(ask())
    assert bus.asked_at == [0, 2 * DEADLINE, 2 * DEADLINE + 10]


def test_the_device_asked_last_has_its_gap_too():
    bus = Bus([(0, ONE)], [(0, OTHER_DEVICE)])
    master = master_of(bus)

    async def ask():
        await master.read("bms1", Paused, 2, 3, 0x1200, 2)
        await master.read("mppt1", Profile, 1, 3, 0x1200, 2)

    asyncio.run(ask())
    assert bus.asked_at == [120, 240]


def test_a_device_may_answer_from_another_address():
    answer = with_crc(bytes([0x51, 3, 4, 1, 2, 3, 4]))
    under_its_own = with_crc(bytes([0x81, 3, 4, 9, 9, 9, 9]))
    bus = Bus([(0, under_its_own), (1, answer)])
    assert asyncio.run(master_of(bus).read("bms1", Daly, 0x81, 3, 0, 2)) == b"\x01\x02\x03\x04"
    assert bus.requests == [rtu.request(0x81, 3, 0, 2)]


def test_what_is_owed_from_another_address_is_waited_for_too():
    late = with_crc(bytes([0x51, 3, 4, 9, 9, 9, 9]))
    bus = Bus([], [(DEADLINE + 100, late)], [(10, with_crc(bytes([0x51, 3, 4, 1, 2, 3, 4])))])
    master = master_of(bus)

    async def ask():
        try:
            await master.read("bms1", Daly, 0x81, 3, 0, 2, tries=2)
        except NoReading:
            return await master.read("bms2", Profile, 0x51, 3, 8, 2)

    assert asyncio.run(ask()) == b"\x01\x02\x03\x04"


def test_address_0_is_one_like_the_others():
    answer = with_crc(bytes([0, 4, 4, 1, 2, 3, 4]))
    bus = Bus([(0, b"\x00\x00" + answer)])
    assert asyncio.run(master_of(bus).read("bms1", Profile, 0, 4, 0, 2)) == b"\x01\x02\x03\x04"


def test_a_busy_device_is_asked_again_after_a_while():
    bus = Bus([(5, BUSY)], [(5, with_crc(bytes([2, 0x83, 5])))], [(5, ONE)])
    assert read(bus) == b"\x01\x02\x03\x04"
    assert bus.asked_at == [0, 5 + 350, 2 * (5 + 350)]


def test_a_device_that_stays_busy_has_refused():
    bus = Bus([(5, BUSY)], [(5, BUSY)], [(5, BUSY)])
    error = complaint(bus)
    assert len(bus.requests) == 3 and error.refusal == 6 and "device busy" in str(error)


def test_no_try_begins_that_might_end_too_late():
    one_try = 10 + DEADLINE  # with the 8 bytes of the request
    bus = Bus()
    assert "no answer in 350 ms, 1 try;" in str(complaint(bus, until=one_try + DEADLINE - 1))
    assert bus.asked_at == [0] and bus.time.ms == DEADLINE
    bus = Bus()
    error = complaint(bus, until=one_try - 1)
    assert error.refusal is None and "bms1 (jk_pb, address 2): no time left for 2 from 0x1200" in str(error)
    assert bus.requests == [] and bus.time.ms == 0


def test_it_does_not_wait_for_what_is_owed_longer_than_it_may():
    bus = Bus([], [(DEADLINE + 100, ONE)], [], [(10, ANOTHER)])
    master = master_of(bus)

    async def ask():
        for until, start in ((2 * DEADLINE + 10, 0x1200), (4 * DEADLINE + 9, 0x1300)):
            try:
                await master.read("bms1", Profile, 2, 3, start, 2, until=until)
            except NoReading:
                pass
        assert bus.time.ms == 2 * DEADLINE
        bus.script = [[(10, ANOTHER)]]
        return await master.read("bms1", Profile, 2, 3, 0x1300, 2)

    assert asyncio.run(ask()) == b"\x05\x06\x07\x08", "the late one was taken for it"


def tallied(*script):
    """What the tally has of one read with this script, as (requests, errors that there were, latency)."""
    tally = Tally("bms1", "jk_pb")
    try:
        read(Bus(*script), tally=tally)
    except NoReading:
        pass
    report = tally.report()
    return report["requests"], {kind: count for kind, count in report["errors"].items() if count}, report["latency_ms"]


def test_requests_errors_and_latency_are_counted():
    echo = rtu.request(2, 3, 0x1200, 2)
    assert tallied([(17, ONE)]) == (1, {}, 17)
    assert tallied() == (3, {"silence": 3}, None)
    assert tallied([(0, echo)], [], [(7, ONE)]) == (3, {"silence": 2}, None), "which try was answered is not known"
    assert tallied([(0, ONE[:-1])], [(0, b"\x55" * 9)]) == (3, {"noise": 2, "silence": 1}, None)
    for foreign in (OTHER_DEVICE, OTHER_LENGTH, OTHER_FUNCTION):
        assert tallied([(0, b"\x00" + foreign)], [(0, foreign)]) == (3, {"foreign": 2, "silence": 1}, None)
    for code, kind in ((1, "refused"), (2, "refused"), (3, "refused"), (4, "failed"), (0x81, "failed")):
        assert tallied([(9, with_crc(bytes([2, 0x83, code])))]) == (1, {kind: 1}, 9)
    assert tallied([(9, BUSY)], [(3, ONE)]) == (2, {"busy": 1}, 6)


def test_what_is_owed_is_forgotten_in_time():
    bus = Bus()
    master = master_of(bus)

    async def ask():
        for address in range(1, 30):
            try:
                await master.read("scan", Profile, address, 3, 0, 2, tries=1)
            except NoReading:
                pass
        assert len(master._owed) <= 3

    asyncio.run(ask())


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
