"""Modbus RTU frames, as Modbus over Serial Line V1.02 and the Application Protocol V1.1b3 give them; reading only.

Promises: `request` makes no frame that changes anything in a device, and `payload` hands out data only from a reply
that fits its question in address, function, length and CRC. It does not promise that the reply is fresh: a late
answer to an equal question looks the same, so the master drops stale input before it asks. Address 0 is one like the
others: some devices answer there, although to the standard it is the broadcast.
"""

import struct

READ_FUNCTIONS = (1, 2, 3, 4)
"""Coils, discrete inputs, holding registers, input registers."""

_MOST_JUNK = 16

_BIT_FUNCTIONS = (1, 2)
_SHORTEST_REPLY = 5
_CRC_OF_NIBBLE = (
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
)  # fmt: skip
_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "device at work",
    6: "device busy",
}


class BadReply(Exception):
    """Bytes that do not answer the question; the message says why."""


class DeviceException(Exception):
    """The device understood and refused; `code` is its exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code} ({_EXCEPTIONS.get(code, 'of the device itself')})")
        self.code = code


def crc16(data: bytes) -> int:
    crc = 0xFFFF
    for byte in data:
        crc = _CRC_OF_NIBBLE[(crc ^ byte) & 15] ^ (crc >> 4)
        crc = _CRC_OF_NIBBLE[(crc ^ (byte >> 4)) & 15] ^ (crc >> 4)
    return crc


def request(address: int, function: int, start: int, count: int) -> bytes:
    """The frame that asks slave `address` (0 to 255) for `count` registers or bits from `start` on.

    Raises ValueError for a function that does not read and for numbers that no frame can carry.
    """
    if function not in READ_FUNCTIONS:
        raise ValueError(f"function {function} does not read")
    most = 2000 if function in _BIT_FUNCTIONS else 125
    if not (0 <= address <= 255 and 0 <= start <= 0xFFFF and 1 <= count <= most):
        raise ValueError(f"no frame asks address {address} for {count} from {start} on")
    frame = struct.pack(">BBHH", address, function, start, count)
    return frame + struct.pack("<H", crc16(frame))


def reply_length(function: int, count: int) -> int:
    """Bytes of the whole reply, unless it is an exception: that has 5."""
    return _SHORTEST_REPLY + ((count + 7) // 8 if function in _BIT_FUNCTIONS else 2 * count)


def find_reply(request: bytes, received: bytes) -> "bytes | None":
    """The first whole reply or exception to `request` in `received`, which may begin with noise or an echo of it.

    None while it is not there: more bytes may complete it. An echo is never a reply, though one of a request for 17 to 24
    bits can look like it.
    """
    _, function, _, count = struct.unpack(">BBHH", request[:6])
    normal = reply_length(function, count)
    first = request[:1]
    start = received.find(first)
    while 0 <= start <= len(received) - _SHORTEST_REPLY:
        length = 0
        if received[start + 1] == function and received[start + 2] == normal - _SHORTEST_REPLY:
            length = normal
        elif received[start + 1] == function | 0x80:
            length = _SHORTEST_REPLY
        frame = received[start : start + length]
        if length and len(frame) == length and frame != request and not crc16(frame):
            return frame
        start = received.find(first, start + 1)
    return None


def holds_reply(received: bytes) -> bool:
    """Whether a whole reply or exception, of whatever device to whatever question, is in `received`, after less than
    _MOST_JUNK bytes: each place may cost a CRC over all the rest, and meanwhile nothing else runs.
    """
    for start in range(min(len(received) - _SHORTEST_REPLY + 1, _MOST_JUNK)):
        function = received[start + 1]
        if function & 0x7F not in READ_FUNCTIONS:
            continue
        length = _SHORTEST_REPLY if function & 0x80 else _SHORTEST_REPLY + received[start + 2]
        if start + length <= len(received) and not crc16(received[start : start + length]):
            return True
    return False


def payload(request: bytes, reply: bytes) -> bytes:
    """The data bytes of the reply that fits this request.

    Raises DeviceException for the device's exception reply, and BadReply for everything else that does not fit.
    """
    address, function, _, count = struct.unpack(">BBHH", request[:6])
    normal = reply_length(function, count)
    if len(reply) < _SHORTEST_REPLY:
        raise BadReply(f"too short: {len(reply)} bytes")
    if crc16(reply):
        if reply[:2] == request[:2] and len(reply) != normal:
            raise BadReply(f"{len(reply)} bytes instead of {normal}, and the CRC is wrong")
        raise BadReply("wrong CRC")
    if reply[0] != address:
        raise BadReply(f"answers for address {reply[0]} instead of {address}")
    if reply[1] == function | 0x80 and len(reply) == _SHORTEST_REPLY:
        raise DeviceException(reply[2])
    if reply[1] != function:
        raise BadReply(f"answers function {reply[1]} instead of {function}")
    if len(reply) != normal:
        raise BadReply(f"{len(reply)} bytes instead of {normal}")
    if reply[2] != normal - _SHORTEST_REPLY:
        raise BadReply(f"{normal} bytes, but it counts {reply[2]} of data instead of {normal - _SHORTEST_REPLY}")
    return bytes(reply[3:-2])
