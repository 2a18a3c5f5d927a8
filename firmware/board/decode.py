"""What a device's registers say, by its compiled profile: reply bytes → values → JSON.

A number is a pair (integer, decimals): the integer is the register's own, so the digits that leave the board are the
device's digits although the board's floats have single precision. (52287, 3) is 52.287 and (5, -1) is 50.

Promises: a value is given only if all its bytes stand in the one reply that is decoded, so no 32-bit value is torn; a
register whose value means "not there" is left out. It does not judge whether a value is plausible.
"""

import binascii
import struct

# function, address, first signal, signals, kind, size, decimals, absent, absent too, any absent, mask, shift, zero,
# beside, anything beside, words. Kinds: u unsigned, s signed, m sign and magnitude, b bool, f flags, t text, and scaled
# by what is beside them V volts, A amperes, W watts.
ROW = ">BHBB1sBbiiBIBhHBB"
NO_WORDS = 255
_ROW_SIZE = struct.calcsize(ROW)
BIT_FUNCTIONS = (1, 2)
_SCALED = b"VAW"


class Profile:
    """One device model, as `firmware.host.profile` compiled it.

    `signals` are the names of all it can ever give, in an order that only a new profile changes. `reads` are the
    (function, start, count) of one whole poll, in order: where two of them give the same signal the later one knows
    better. What those in `optional` ask for is missing in some firmwares. `timeout_ms` bounds the wait for a reply;
    `gap_ms` is the silence that the device needs between a reply and the next request.

    A model may have several layouts, of which RAM holds the chosen one: `load` gives what was compiled under a name. The
    slave address chooses it, or else what the device answers to `probe`, a (function, start, count), through `settle`;
    until then there are no `reads`. `probe` is None where nothing has to be asked.
    """

    def __init__(self, compiled: dict, address: int = 0, load=None) -> None:
        self.model = compiled["model"]
        self.measurement = compiled["measurement"]
        self.baudrate = compiled["baudrate"]
        self.parity = compiled["parity"]
        self.stop_bits = compiled["stop_bits"]
        self.timeout_ms = compiled["timeout_ms"]
        self.gap_ms = compiled["gap_ms"]
        self.reads: list = []
        self.optional: list = []
        self._rows = b""  # one object, where a tuple for each row would be dozens
        self._words: list = []
        self.address_step = compiled["address_step"]
        self._low_word_first = compiled["low_word_first"]
        self._products = compiled.get("products", ())
        self._reply_offset = 0
        self._layouts = [tuple(layout) for layout in compiled.get("layouts", ())]
        self._load = load
        self.probe = tuple(compiled["probe"]) if "probe" in compiled else None
        self.signals = tuple([_interned(name) for name in compiled["signals"].split()])
        self._cells = compiled.get("cells", (0, 0))
        if not self._layouts:
            self._use(compiled)
        elif self.probe is None:
            self._choose(address)

    def settle(self, data: bytes) -> None:
        """Choose the layout by the data bytes that answered `probe`; without one that fits there are no `reads`."""
        self._choose(_word(data, 0))

    def reply_address(self, address: int) -> int:
        """The slave address in the reply to a question that went to `address`."""
        return address + self._reply_offset

    def decode(self, function: int, start: int, count: int, data: bytes) -> dict:
        """Name → value of every register that lies wholly in `data`, the payload of that one read.

        A value is a pair (integer, decimals), a bool or a str.
        """
        values: dict = {}
        for row, number, offset, beside in self.within(function, start, count):
            value = self._value(data, row, number, offset, beside)
            if value is not None:
                values[self.signals[row[2] + number]] = value
        return values

    def names(self, function: int, start: int, count: int) -> "list[str]":
        """What `decode` may give for that read."""
        return [self.signals[row[2] + number] for row, number, _, _ in self.within(function, start, count)]

    def complete(self, values: dict) -> None:
        """Add the signals that are computed from others, once the values of a whole poll are together."""
        for name, one, other in self._products:
            if one in values and other in values:
                values[name] = (values[one][0] * values[other][0], values[one][1] + values[other][1])
        first, count = self._cells
        cells = [values[name] for name in self.signals[first : first + count] if name in values]
        if cells:
            decimals = cells[0][1]
            lowest = min(cells)[0]
            highest = max(cells)[0]
            values["cell_voltage_min"] = (lowest, decimals)
            values["cell_voltage_max"] = (highest, decimals)
            values["cell_voltage_spread"] = (highest - lowest, decimals)

    def split(self, block: tuple) -> "list[tuple[int, int, int]] | None":
        """Two smaller reads that give all that `block` gives and cut no value in two; None where there are none."""
        import seldom  # type: ignore[import-not-found]  # only here: the host, which has this room too, divides nothing

        halves: "list[tuple[int, int, int]] | None" = seldom.room("division").halves(self, block)
        return halves

    def _choose(self, number: int) -> None:
        self.reads = self.optional = []  # until a layout fits
        for name, lowest, highest in self._layouts:
            if lowest <= number <= highest:
                self._use(self._load(name))

    def _use(self, layout: dict) -> None:
        self.reads = [tuple(read) for read in layout["reads"]]
        self.optional = [read for read in self.reads if list(read) in layout["optional"]]
        self._reply_offset = layout.get("reply_offset", 0)
        self._rows = binascii.a2b_base64(layout["rows"])
        self._words = [bytes(words) if isinstance(words[0], int) else dict(words) for words in layout["words"]]

    def within(self, function: int, start: int, count: int):
        """What lies wholly in that read: row, number of its name, its offset and that of what it needs beside it.

        Offsets count bytes, or bits for functions 1 and 2.
        """
        bits = function in BIT_FUNCTIONS
        end = count if bits else 2 * count
        for at in range(0, len(self._rows), _ROW_SIZE):
            row = struct.unpack_from(ROW, self._rows, at)
            if row[0] != function:
                continue
            beside = None
            if row[14]:
                beside = self._offset(row[13], start, bits)
                if beside < 0 or beside + beside_size(row) > end:
                    continue
            offset = self._offset(row[1], start, bits)
            for number in range(row[3]):
                if offset >= 0 and offset + row[5] <= end:
                    yield row, number, offset, beside
                offset += row[5]

    def _offset(self, address: int, start: int, bits: bool) -> int:
        return address - start if bits else (address - start) * 2 // self.address_step

    def _value(
        self, data: bytes, row: tuple, number: int, offset: int, beside: "int | None"
    ) -> "tuple[int, int] | bool | str | None":
        function, _, _, names, kind, size, decimals, absent, absent_too, any_absent, mask, shift, zero, _, _, words = (
            row
        )
        if kind == b"t":
            return _text(data[offset : offset + size])
        if kind == b"f":
            return (self._flags(data, function, offset, self._words[words]), 0)
        if names > 1 and beside is not None and number >= _word(data, beside):
            return None
        raw = _bits(data, offset, size) if function in BIT_FUNCTIONS else self._unsigned(data, offset, size)
        if mask:
            raw = (raw & mask) >> shift
        if kind in b"sVA" and raw >> (8 * size - 1):
            raw -= 1 << 8 * size
        elif kind == b"m" and raw & 0x80:
            raw = 0x80 - raw
        if any_absent and raw in (absent, absent_too):
            return None
        if kind == b"b":
            return raw != 0
        if kind in _SCALED and beside is not None:
            return (self._scaled(data, raw, kind, beside, decimals), decimals)
        if words == NO_WORDS:
            return (raw - zero, decimals)
        word: "str | None" = self._words[words].get(raw)
        return word

    def _unsigned(self, data: bytes, offset: int, size: int) -> int:
        raw = _word(data, offset)
        if size == 4:
            next_raw = _word(data, offset + 2)
            raw = (next_raw << 16) | raw if self._low_word_first else (raw << 16) | next_raw
        return raw

    def _flags(self, data: bytes, function: int, offset: int, places: bytes) -> int:
        """Bit n is the device's bit places[n]: 16 to a register, its lowest first."""
        flags = 0
        for number, place in enumerate(places):
            at = offset + place if function in BIT_FUNCTIONS else 8 * offset + (place ^ 8)
            flags |= _bits(data, at, 1) << number
        return flags

    def _scaled(self, data: bytes, raw: int, kind: bytes, beside: int, decimals: int) -> int:
        """In units of the last decimal. The scaling words are volts and amperes, each with 16 bits behind the point:
        full scale is at 2^15, or for watts at 2^17 of both (Morningstar's TriStar MPPT Modbus specification).
        """
        volts, amperes = self._unsigned(data, beside, 4), self._unsigned(data, beside + 4, 4)
        fraction = 49 if kind == b"W" else 31
        scale = volts * amperes if kind == b"W" else volts if kind == b"V" else amperes
        for _ in range(decimals):
            scale *= 10
        return (raw * scale + (1 << fraction - 1)) >> fraction


def _interned(name: str) -> str:
    """MicroPython keeps what was once asked for as an attribute, and gives that one copy instead of a new text."""
    hasattr(Profile, name)
    return "%s" % name


def beside_size(row: tuple) -> int:
    """Bytes of what a row needs beside itself: two scaling words of 32 bits, or one register that counts."""
    return 8 if row[4] in _SCALED else 2


def _word(data: bytes, offset: int) -> int:
    return (data[offset] << 8) | data[offset + 1]


def _bits(data: bytes, first: int, count: int) -> int:
    """`count` bits from the first on; the first is the lowest."""
    return sum([(data[at >> 3] >> (at & 7) & 1) << at - first for at in range(first, first + count)])


def _text(data: bytes) -> str:
    """Printable ASCII up to the first NUL: what a device puts after it is whatever its memory held."""
    return "".join(chr(byte) for byte in data.split(b"\0")[0] if 32 <= byte < 127).strip()


def decimal(integer: int, decimals: int) -> str:
    if decimals <= 0:
        return str(integer * 10**-decimals)
    whole, rest = divmod(abs(integer), 10**decimals)
    return "%s%d.%0*d" % ("-" if integer < 0 else "", whole, decimals, rest)
