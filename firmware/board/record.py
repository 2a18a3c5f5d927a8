"""A reading in some 30 bytes, and back to JSON with exactly the digits of the registers.

A record says how a reading differs from the layout of its source: the names, and the values of one reading that serves as
the base. It says nothing about the records before it, so each can be acknowledged, lost or thinned away alone. Layouts and
words (what a string signal says, what went wrong on the bus) are definitions; a record names them by number, and they are
written once into each file that needs them. A numbered signal, such as a cell, is taken to move as the one before it does.

Promises: the same values come out that went in, whatever profile and settings the board has by then; decimals go from -4
to 7.

Half bytes, see nibbles.py: layout × 4, + 1 if an error's number follows, + 2 if anything was read; then per four signals
which of them differ, and for each of these the difference, or 0 and then form and value where the form is another.
"""

import json

from decode import decimal
from nibbles import Reader, Writer

LOSS = 0  # where a layout's number stands: not a reading, but what is known of readings that were given up
REASONS = ("spool_thinned", "spool_full", "flash_damaged")
THINNED, FULL, DAMAGED = 0, 1, 2
_ABSENT, _BOOL, _WORD, _DECIMALS = 0, 1, 2, 8  # forms; _DECIMALS + n is a number with n digits behind the point
_MOST_DEFINITIONS = 48


class Dictionary:
    """The definitions that readings of this start refer to, by number; `next` is that of the next one."""

    def __init__(self, first=1):
        self.definitions = {}
        self.next = first
        self._layouts = {}  # (name, measurement) → [number, signals that its base has, model, signals]

    def is_full(self):
        """Whether a new one should take over, so that odd errors cannot fill the heap."""
        return len(self.definitions) >= _MOST_DEFINITIONS

    def encode(self, source, values, error):
        """The record of a reading; `source`, `values` and `error` as Spool.add takes them."""
        number = self._layout(source, values)
        out = Writer()
        out.number(number << 2 | bool(values) << 1 | (error is not None))
        if error is not None:
            out.number(self._define(error.encode()))
        base = _Layout(self.definitions[number])
        group = []  # form, value and difference of four signals, or None
        while values and base.next():
            form, value = self._coded(values.get(str(base.name, "utf-8")))
            difference = value - base.value if form == base.form else 0
            group.append((form, value, difference) if difference or form != base.form else None)
            base.moved += difference
            if len(group) == 4 or base.is_last():
                out.nibble(sum([1 << at for at in range(len(group)) if group[at]]))
                for form, value, difference in [each for each in group if each]:
                    out.signed(difference)
                    if not difference:
                        out.nibble(form)
                        out.signed(value)
                group = []
        return bytes(out.data)

    def _coded(self, value):
        """(form, number) of a value."""
        if value is None:
            return _ABSENT, 0
        if isinstance(value, tuple):
            return _DECIMALS + value[1], value[0]
        if isinstance(value, bool):
            return _BOOL, int(value)
        return _WORD, self._define(value.encode())

    def _layout(self, source, values):
        """The number of a layout whose base lacks nothing that the reading has: each lack would cost every later one."""
        key = source.name, source.measurement
        known = self._layouts.get(key)
        if known and known[1] >= len(values) and known[2:] == [source.model, source.signals]:
            return known[0]
        out = Writer()
        for text in (source.name, source.model, source.measurement):
            out.text(text.encode())
        last = None
        for name in source.signals:
            letters = "".join([letter for letter in name if not letter.isdigit()])
            form, value = self._coded(values.get(name))
            out.text(name.encode())
            out.nibble(letters == last != name)
            out.nibble(form)
            out.signed(value)
            last = letters
        number = self._define(bytes(out.data))
        self._layouts[key] = [number, len(values), source.model, source.signals]
        return number

    def _define(self, definition):
        for number, known in self.definitions.items():
            if known == definition:
                return number
        self.next += 1
        self.definitions[self.next - 1] = definition
        return self.next - 1


class _Layout:
    """Goes through the signals of a layout: `name`, `form`, and the `value` that is likely."""

    def __init__(self, layout):
        self._reader = reader = Reader(layout)
        self.device, self.model, self.measurement = reader.text(), reader.text(), reader.text()
        self.moved = 0  # how far the signal before is from its base

    def is_last(self):
        return self._reader.ended()

    def next(self):
        """False at the end."""
        reader = self._reader
        if reader.ended():
            return False
        self.name = reader.text()
        if not reader.nibble():
            self.moved = 0
        self.form = reader.nibble()
        self.value = reader.signed() + self.moved
        return True


def layout_of(record):
    """The number of a record's layout, or LOSS."""
    return Reader(record).number() >> 2


def to_json(definitions, t, record):
    """The reading's JSON from `"device"` on, as bytes without the braces; `t` is UTC in ms or None.

    A word whose definition is damaged is left out. Raises KeyError if the layout is.
    """
    t = b"null" if t is None else b"%d" % t
    reader = Reader(record)
    head = reader.number()
    if head == LOSS:
        readings, last_seq, duration, reason = loss_in(record)
        return (
            b'"device":"board","model":"esp32","measurement":"loss","t":%s,'
            b'"signals":{"readings":%d,"last_seq":%d,"duration":%s,"reason":"%s"}'
            % (t, readings, last_seq, decimal(duration, 3).encode(), REASONS[reason].encode())
        )
    error = definitions.get(reader.number(), b"its text is damaged") if head & 1 else None
    layout = _Layout(definitions[head >> 2])
    out = bytearray(
        b'"device":"%s","model":"%s","measurement":"%s","t":%s,"signals":{'
        % (layout.device, layout.model, layout.measurement, t)
    )
    index = 0
    comma = b'"%s":'
    while head & 2 and layout.next():
        if index & 3 == 0:
            differs = reader.nibble()
        form, value = layout.form, layout.value
        if differs >> (index & 3) & 1:
            difference = reader.signed()
            if difference:
                value += difference
                layout.moved += difference
            else:
                form, value = reader.nibble(), reader.signed()
        index += 1
        if form == _ABSENT or (form == _WORD and value not in definitions):
            continue
        out.extend(comma % layout.name)
        comma = b',"%s":'
        if form == _BOOL:
            out.extend(b"true" if value else b"false")
        elif form == _WORD:
            out.extend(json.dumps(str(definitions[value], "utf-8")).encode())
        else:
            out.extend(decimal(value, form - _DECIMALS).encode())
    out.extend(b"}")
    if error is not None:
        out.extend(b',"error":')
        out.extend(json.dumps(str(error, "utf-8")).encode())
    return out


def loss_in(record):
    """[readings, last_seq, duration in ms, index into REASONS] of the record of a loss."""
    reader = Reader(record)
    reader.number()
    return [reader.number() for _ in range(4)]


def grow(losses, reason, seq, up, offset, readings=1, last_seq=-1, duration=0):
    """Adds to `losses`, a dict by reason, what was given up from `seq` on, measured `up` ms after boot."""
    known = losses.get(reason)
    end = up + duration
    if known:
        readings += known[3]
        last_seq = max(seq, last_seq, known[4])
        end = max(end, known[5])
        if known[0] < seq:
            seq, up, offset = known[:3]
    losses[reason] = seq, up, offset, readings, max(seq, last_seq), end


def told(losses):
    """The records of `losses`: (seq, up, offset, record) each."""
    found = []
    for reason, (seq, up, offset, readings, last_seq, end) in losses.items():
        out = Writer()
        for number in (LOSS, readings, last_seq, end - up, reason):
            out.number(number)
        found.append((seq, up, offset, bytes(out.data)))
    return found
