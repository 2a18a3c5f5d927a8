import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.board import rtu
from firmware.host import identification

# github:kasbert/epsolar-tracer test/testdata.py: a Tracer2215BN, captured.
REQUEST = bytes.fromhex("012b0e01007077")
REPLY = bytes.fromhex(
    "012b0e010100000300154550736f6c6172205465636820636f2e2c204c7464010c54726163657232323135424e020d"
    "5630322e30352b5630372e3132d7d8"
)


def with_crc(frame: bytes) -> bytes:
    return frame + struct.pack("<H", rtu.crc16(frame))


def test_what_a_captured_device_says_of_itself() -> None:
    assert identification.asks(REQUEST)
    assert identification.objects(REQUEST, REPLY) == {
        "vendor_name": "EPsolar Tech co., Ltd",
        "product_code": "Tracer2215BN",
        "revision": "V02.05+V07.12",
    }


@pytest.mark.parametrize("frame", [REQUEST[:-1], REQUEST[:-1] + b"\x00", bytes.fromhex("010390130003d90e"), b""])
def test_another_question_is_not_taken_for_it(frame: bytes) -> None:
    assert not identification.asks(frame)


def test_an_exception_carries_its_code() -> None:
    with pytest.raises(rtu.DeviceException) as caught:
        identification.objects(REQUEST, with_crc(b"\x01\xab\x01"))
    assert caught.value.code == 1


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (b"", "too short or wrong CRC"),
        (REPLY[:-1] + b"\x00", "too short or wrong CRC"),
        (with_crc(b"\x02" + REPLY[1:-2]), "answers for address 2 instead of 1"),
        (with_crc(b"\x01\x03\x02\x00\x00"), "answers another function than 43 / 14"),
        (with_crc(REPLY[:-10]), "an object runs past the end of the frame"),
    ],
)
def test_a_bad_reply_says_why(reply: bytes, complaint: str) -> None:
    with pytest.raises(rtu.BadReply, match=complaint):
        identification.objects(REQUEST, reply)


@given(st.binary(max_size=80))
def test_no_objects_raise_anything_else(objects: bytes) -> None:
    with contextlib.suppress(rtu.BadReply):
        identification.objects(REQUEST, with_crc(REPLY[:8] + objects))
