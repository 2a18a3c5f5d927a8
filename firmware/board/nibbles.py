"""Whole numbers in as few half bytes as they need: three bits in each, the lowest first, and a fourth that says that more
follow. Most of what a device reports moves by a few units, and then one half byte is all.
"""


class Writer:
    """Appends to `data`, a bytearray."""

    def __init__(self):
        self.data = bytearray()
        self._half = False  # the last byte has room for one more

    def nibble(self, value):
        if self._half:
            self.data[-1] |= value << 4
        else:
            self.data.append(value)
        self._half = not self._half

    def number(self, value):
        """`value` is 0 or more."""
        while value > 7:
            self.nibble(value & 7 | 8)
            value >>= 3
        self.nibble(value)

    def signed(self, value):
        self.number(value << 1 if value >= 0 else (-value << 1) - 1)

    def text(self, data):
        """Bytes, with their length before them."""
        self.number(len(data))
        self._half = False
        self.data.extend(data)


class Reader:
    """Reads `data` as it was written. Raises IndexError behind its end."""

    def __init__(self, data):
        self._data = data
        self._at = 0  # in half bytes

    def ended(self):
        """Whether less than a byte is left."""
        return self._at >= 2 * len(self._data) - 1

    def nibble(self):
        at = self._at
        self._at = at + 1
        return self._data[at >> 1] >> 4 if at & 1 else self._data[at >> 1] & 15

    def number(self):
        value = shift = 0
        while True:
            nibble = self.nibble()
            value |= (nibble & 7) << shift
            if nibble < 8:
                return value
            shift += 3

    def signed(self):
        value = self.number()
        return -((value + 1) >> 1) if value & 1 else value >> 1

    def text(self):
        length = self.number()
        start = (self._at + 1) >> 1
        self._at = 2 * (start + length)
        return self._data[start : start + length]
