"""What holds for all bytes; what holds for chosen ones is in board_suite/suite_rtu.py."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.board import rtu
from firmware.host.decode import question

# github:kasbert/epsolar-tracer test/testdata.py: clock of a Tracer2215BN, captured.
REQUEST = bytes.fromhex("010390130003d90e")
REPLY = bytes.fromhex("010306180502020f070ae7")


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(reply: bytes) -> None:
    with contextlib.suppress(rtu.BadReply, rtu.DeviceException):
        rtu.payload(REQUEST, reply)
    rtu.find_reply(REQUEST, reply)


@given(st.integers(0, len(REPLY) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused(position: int, change: int) -> None:
    damaged = bytearray(REPLY)
    damaged[position] ^= change
    with pytest.raises(rtu.BadReply):
        rtu.payload(REQUEST, bytes(damaged))


@given(st.integers(0, len(REPLY) - 1))
def test_a_cut_reply_is_refused(length: int) -> None:
    with pytest.raises(rtu.BadReply):
        rtu.payload(REQUEST, REPLY[:length])


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_reply_is_found_in_noise(before: bytes, after: bytes) -> None:
    assert rtu.find_reply(REQUEST, before + REPLY + after) == REPLY


@given(st.integers(0, 255), st.sampled_from(rtu.READ_FUNCTIONS), st.integers(0, 0xFFFF), st.integers(1, 125))
def test_a_request_tells_what_it_asks(address: int, function: int, start: int, count: int) -> None:
    frame = rtu.request(address, function, start, count)
    assert question(frame) == (address, function, start, count)


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        ("01039013000358cf", "wrong CRC"),
        ("", "wrong CRC"),
        ("011000000001020064a7bb", "function 16 does not read"),
        ("01030000ad", "wrong CRC"),
        ("01030020f0", "5 bytes instead of 8"),
    ],
)
def test_a_frame_that_asks_nothing_is_refused(frame: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        question(bytes.fromhex(frame))
