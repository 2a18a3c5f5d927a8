"""What a device's registers say, by its compiled profile: reply bytes → values → JSON.

A number is a pair (integer, decimals): the integer is the register's own, so the digits that leave the board are the
device's digits although the board's floats have single precision. (52287, 3) is 52.287 and (5, -1) is 50.

Promises: a value is given only if all its bytes stand in the one reply that is decoded, so no 32-bit value is torn; a
register whose value means "not there" is left out. It does not judge whether a value is plausible.
"""

import json

_BIT_FUNCTIONS = (1, 2)
_COLUMNS = 10


class Profile:
    """One device model, as `firmware.host.profile` compiled it.

    `reads` are the (function, start, count) of one whole poll, in order: where two of them give the same signal the later
    one knows better. What those in `optional` ask for is missing in some firmwares. `timeout_ms` bounds the wait for a
    reply; `gap_ms` is the silence that the device needs between a reply and the next request.
    """

    def __init__(self, compiled: dict) -> None:
        self.model = compiled["model"]
        self.measurement = compiled["measurement"]
        self.baudrate = compiled["baudrate"]
        self.parity = compiled["parity"]
        self.stop_bits = compiled["stop_bits"]
        self.timeout_ms = compiled["timeout_ms"]
        self.gap_ms = compiled["gap_ms"]
        self.reads = [tuple(read) for read in compiled["reads"]]
        self.optional = [tuple(read) for read in compiled["optional"]]
        self._address_step = compiled["address_step"]
        self._low_word_first = compiled["low_word_first"]
        kinds: dict = {}  # one copy of each, where JSON brings one per row
        self._registers = []
        for row in compiled["registers"]:
            row[3] = kinds.setdefault(row[3], row[3])
            self._registers.append(tuple(row) + (None,) * (_COLUMNS - len(row)))

    def decode(self, function: int, start: int, count: int, data: bytes) -> dict:
        """Name → value of every register that lies wholly in `data`, the payload of that one read.

        A value is a pair (integer, decimals), a bool or a str.
        """
        values: dict = {}
        for offset, row in self._within(function, start, count):
            _, _, name, kind, size, decimals, absent, mask, shift, meanings = row
            if kind == "text":
                values[name] = _text(data[offset : offset + size])
                continue
            raw = _bit(data, offset) if function in _BIT_FUNCTIONS else self._integer(data, offset, size, kind)
            if raw == absent:
                continue
            if mask:
                raw = (raw & mask) >> shift
            if kind == "bool":
                values[name] = raw != 0
            elif meanings is None:
                values[name] = (raw, decimals)
            elif str(raw) in meanings:
                values[name] = meanings[str(raw)]
        return values

    def names(self, function: int, start: int, count: int) -> "list[str]":
        """What `decode` may give for that read."""
        return [row[2] for _, row in self._within(function, start, count)]

    def complete(self, values: dict) -> None:
        """Add the signals that are computed from others, once the values of a whole poll are together."""
        cells = [value for name, value in values.items() if name.startswith("cell_") and name[5:7].isdigit()]
        if cells:
            decimals = cells[0][1]
            lowest = min(cells)[0]
            highest = max(cells)[0]
            values["cell_voltage_min"] = (lowest, decimals)
            values["cell_voltage_max"] = (highest, decimals)
            values["cell_voltage_spread"] = (highest - lowest, decimals)

    probe = None

    @property
    def signals(self) -> "tuple[str, ...]":
        return tuple(row[2] for row in self._registers)

    def reply_address(self, address: int) -> int:
        return address

    def split(self, block: tuple) -> "list[tuple[int, int, int]] | None":
        function, start, count = block
        for first in range(count // 2, 0, -1):
            halves = [(function, start, first), (function, start + first * self._address_step, count - first)]
            if sum(len(self.names(*half)) for half in halves) == len(self.names(*block)):
                return halves
        return None

    def _within(self, function: int, start: int, count: int) -> "list[tuple[int, tuple]]":
        """The registers that lie wholly in that read, each with its offset in bytes, or in bits for functions 1 and 2."""
        bits = function in _BIT_FUNCTIONS
        end = count if bits else 2 * count
        found = []
        for row in self._registers:
            offset = row[1] - start if bits else (row[1] - start) * 2 // self._address_step
            if row[0] == function and offset >= 0 and offset + row[4] <= end:
                found.append((offset, row))
        return found

    def _integer(self, data: bytes, offset: int, size: int, kind: str) -> int:
        raw = _word(data, offset)
        if size == 4:
            next_raw = _word(data, offset + 2)
            raw = (next_raw << 16) | raw if self._low_word_first else (raw << 16) | next_raw
        return raw - (1 << 8 * size) if kind == "signed" and raw >> (8 * size - 1) else raw


def _word(data: bytes, offset: int) -> int:
    return (data[offset] << 8) | data[offset + 1]


def _bit(data: bytes, index: int) -> int:
    return data[index >> 3] >> (index & 7) & 1


def _text(data: bytes) -> str:
    """Printable ASCII up to the first NUL: what a device puts after it is whatever its memory held."""
    return "".join(chr(byte) for byte in data.split(b"\0")[0] if 32 <= byte < 127).strip()


def to_json(values: dict) -> str:
    """One JSON object whose numbers have exactly the digits of the registers."""
    return "{" + ",".join([f'"{name}":{_json(value)}' for name, value in values.items()]) + "}"


def _json(value: object) -> str:
    if isinstance(value, tuple):
        return _decimal(value[0], value[1])
    return json.dumps(value)


def _decimal(integer: int, decimals: int) -> str:
    if decimals <= 0:
        return str(integer * 10**-decimals)
    whole, rest = divmod(abs(integer), 10**decimals)
    return "%s%d.%0*d" % ("-" if integer < 0 else "", whole, decimals, rest)
