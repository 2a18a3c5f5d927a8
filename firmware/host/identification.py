"""Read Device Identification, Modbus function 43 / 14: what a device says of itself.

The scan asks it of a device that is none of the known models; the board never does.
"""

import struct

from firmware.board import rtu

_FUNCTION, _TYPE = 0x2B, 0x0E
_HEADER = 8
_NAMES = {
    0: "vendor_name",
    1: "product_code",
    2: "revision",
    3: "vendor_url",
    4: "product_name",
    5: "model_name",
    6: "application_name",
}


def question(address: int) -> bytes:
    """The frame that asks a slave for its basic texts, from the first one on."""
    frame = bytes((address, _FUNCTION, _TYPE, 1, 0))
    return frame + struct.pack("<H", rtu.crc16(frame))


def asks(request: bytes) -> bool:
    """Whether the frame is such a question, whole and undamaged."""
    return len(request) == 7 and request[1:3] == bytes((_FUNCTION, _TYPE)) and not rtu.crc16(request)


def objects(request: bytes, reply: bytes) -> dict[str, str]:
    """The texts in one reply, by the standard's names. Raises DeviceException and BadReply as `rtu.payload` does."""
    if len(reply) < 5 or rtu.crc16(reply):
        raise rtu.BadReply("too short or wrong CRC")
    if reply[0] != request[0]:
        raise rtu.BadReply(f"answers for address {reply[0]} instead of {request[0]}")
    if reply[1] == _FUNCTION | 0x80 and len(reply) == 5:
        raise rtu.DeviceException(reply[2])
    if reply[1:4] != request[1:4] or len(reply) < _HEADER + 2:
        raise rtu.BadReply("answers another function than 43 / 14")
    found = {}
    rest = reply[_HEADER:-2]
    for _ in range(reply[_HEADER - 1]):
        if len(rest) < 2 or len(rest) < 2 + rest[1]:
            raise rtu.BadReply("an object runs past the end of the frame")
        number, length = rest[0], rest[1]
        found[_NAMES.get(number, f"object_{number}")] = rest[2 : 2 + length].decode("ascii", "replace")
        rest = rest[2 + length :]
    return found
