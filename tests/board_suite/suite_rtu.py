"""Runs under CPython and MicroPython; see run.py."""

import rtu

# github:dnc392/rs485-bms-probe protocols/jk_rs485_modbus.py: cells of a JK 8S, captured.
JK_CELLS = (
    bytes.fromhex("010312000010417e"),
    bytes.fromhex("0103200cd70cd70cd70cd70cd70cd70cd80cd70000000000000000000000000000000026c8"),
)
# github:kasbert/epsolar-tracer test/testdata.py: a Tracer2215BN, captured.
EPEVER_EXCEPTION = (bytes.fromhex("0103330b0001fa8c"), bytes.fromhex("018302c0f1"))
EPEVER_DISCRETE = (bytes.fromhex("010220000001b20a"), bytes.fromhex("01020100a188"))


def complaint(request, reply):
    try:
        rtu.payload(request, reply)
    except rtu.BadReply as error:
        return str(error)
    raise AssertionError("it was accepted")


def with_crc(frame):
    crc = rtu.crc16(frame)
    return frame + bytes([crc & 0xFF, crc >> 8])


def test_a_request_is_the_captured_one():
    assert rtu.request(1, 3, 0x1200, 16) == JK_CELLS[0]
    assert rtu.request(1, 2, 0x2000, 1) == EPEVER_DISCRETE[0]


def test_no_request_can_write():
    for function in (0, 5, 6, 15, 16, 22, 23, 43, 0x83):
        try:
            rtu.request(1, function, 0, 1)
        except ValueError:
            continue
        raise AssertionError(f"function {function} was framed")


def test_numbers_that_no_frame_can_carry_are_refused():
    for address, start, count in ((256, 0, 1), (-1, 0, 1), (1, 0x10000, 1), (1, 0, 0), (1, 0, 126)):
        try:
            rtu.request(address, 3, start, count)
        except ValueError:
            continue
        raise AssertionError(f"{(address, start, count)} was framed")


def test_slave_address_0_can_be_asked():
    assert rtu.request(0, 4, 0x1000, 18)[:6] == bytes.fromhex("000410000012")


def test_the_data_of_a_reply():
    data = rtu.payload(*JK_CELLS)
    assert len(data) == 32
    assert data[:2] == b"\x0c\xd7"
    assert rtu.payload(*EPEVER_DISCRETE) == b"\x00"


def test_an_exception_reply_carries_its_code():
    try:
        rtu.payload(*EPEVER_EXCEPTION)
    except rtu.DeviceException as exception:
        assert exception.code == 2
        assert str(exception) == "exception 2 (illegal data address)"
    else:
        raise AssertionError("no exception")


def test_every_changed_byte_is_noticed():
    request, reply = JK_CELLS
    for position in range(len(reply)):
        damaged = bytearray(reply)
        damaged[position] ^= 0x41
        complaint(request, bytes(damaged))


def test_a_bad_reply_says_precisely_why():
    request, reply = JK_CELLS
    assert complaint(request, b"") == "too short: 0 bytes"
    assert complaint(request, reply[:-1]) == "36 bytes instead of 37, and the CRC is wrong"
    assert complaint(request, reply[:-1] + b"\x00") == "wrong CRC"
    assert complaint(request, with_crc(b"\x02" + reply[1:-2])) == "answers for address 2 instead of 1"
    assert complaint(request, with_crc(b"\x01\x04" + reply[2:-2])) == "answers function 4 instead of 3"
    assert complaint(request, with_crc(b"\x01\x03\x02\x0c\xd7")) == "7 bytes instead of 37"
    assert (
        complaint(request, with_crc(reply[:2] + b"\x1e" + reply[3:-2]))
        == "37 bytes, but it counts 30 of data instead of 32"
    )


def test_a_reply_is_found_after_noise_and_an_echo_and_only_when_it_is_whole():
    request, reply = JK_CELLS
    received = b"\x3c\x01\xff" + request + reply
    for length in range(len(received)):
        assert rtu.find_reply(request, received[:length]) is None
    assert rtu.find_reply(request, received + b"\x00") == reply


def test_an_exception_is_found_as_soon_as_it_is_whole():
    request, reply = EPEVER_EXCEPTION
    assert rtu.find_reply(request, b"\x00" + reply[:4]) is None
    assert rtu.find_reply(request, b"\x00" + reply) == reply


def test_anothers_reply_is_not_found():
    assert rtu.find_reply(rtu.request(2, 3, 0x1200, 16), JK_CELLS[1]) is None


def test_an_echo_that_looks_like_a_reply_is_passed_over():
    request = rtu.request(1, 2, 0x0320, 20)  # its echo counts 3 bytes of data, as the reply does
    reply = with_crc(bytes([1, 2, 3, 0xFF, 0xFF, 0x0F]))
    assert len(request) == len(reply) and rtu.find_reply(request, request) is None
    assert rtu.find_reply(request, request + reply) == reply


def test_anyones_reply_is_told_from_noise():
    for frame in (JK_CELLS[1], EPEVER_EXCEPTION[1], EPEVER_DISCRETE[1]):
        assert rtu.holds_reply(frame) and rtu.holds_reply(b"\x00\x3c" + frame + b"\x00")
        assert not rtu.holds_reply(frame[:-1]) and not rtu.holds_reply(b"")
    assert not rtu.holds_reply(JK_CELLS[0]) and not rtu.holds_reply(b"\x55" * 512)


def test_noise_full_of_what_a_reply_begins_with_is_not_searched_to_its_end():
    frame = EPEVER_EXCEPTION[1]
    assert rtu.holds_reply(b"\x04\xf0" * 7 + b"\x04" + frame) and not rtu.holds_reply(b"\x04\xf0" * 8 + frame)
