"""A reading in some 30 bytes, and back to JSON with exactly the digits of the registers.

A record says how a reading differs from the layout of its source: the names, and the values of one reading that serves as
the base. It says nothing about the records before it, so each can be acknowledged, lost or thinned away alone. Layouts and
words (what a string signal says, what went wrong on the bus) are definitions; a record names them by number, and they are
written once into each file that needs them. A numbered signal, such as a cell, is taken to move as the one before it does.

Promises: the same values come out that went in, whatever profile and settings the board has by then.

Half bytes, see nibbles.py: layout × 4, + 1 if an error's number follows, + 2 if anything was read; then per four signals
which of them differ, and for each of these the difference, or 0 and then form and value where the form is another.
Room for decimals from -4 to 7.
"""

import json

from decode import decimal
from nibbles import Reader, Writer

REASONS = ("spool_thinned", "spool_full", "flash_damaged")
LOSS = 0  # where a layout's number stands: not a reading, but what is known of readings that were given up
_ABSENT, _BOOL, _WORD, _DECIMALS = 0, 1, 2, 8  # forms; _DECIMALS + n is a number with n digits behind the point
_MOST_DEFINITIONS = 48


class Dictionary:
    """The definitions that readings of this start refer to, by number from `first` on."""

    def __init__(self, first=1):
        self.definitions = {}
        self.next = first
        self._layouts = []  # (number, name, model, measurement, signals, how many of them the base has)
        self._words = {}

    def is_full(self):
        """Whether a new one should take over, so that odd errors cannot fill the heap."""
        return len(self.definitions) >= _MOST_DEFINITIONS

    def encode(self, source, values, error):
        """The record of a reading; `source`, `values` and `error` as Spool.add takes them."""
        number = self._layout(source, values)
        out = Writer()
        out.number(number << 2 | bool(values) << 1 | (error is not None))
        if error is not None:
            out.number(self._word(error))
        if values:
            self._differences(out, self.definitions[number], source.signals, values)
        return bytes(out.data)

    def _differences(self, out, layout, signals, values):
        base = _Layout(layout)
        moved = 0
        tokens = []
        for index, name in enumerate(signals):
            base.next()
            form, value = self._value(values.get(name))
            if not base.follows:
                moved = 0
            token = None
            if form != base.form:
                token = form, value
            elif value != base.value + moved:
                token = None, value - base.value - moved
            tokens.append(token)
            moved = value - base.value if form == base.form != _ABSENT else 0
            if index & 3 == 3 or index == len(signals) - 1:
                out.nibble(sum([1 << bit for bit, token in enumerate(tokens) if token]))
                for token in tokens:
                    if token:
                        _write_token(out, *token)
                tokens = []

    def _value(self, value):
        if value is None:
            return _ABSENT, 0
        if isinstance(value, tuple):
            return _DECIMALS + value[1], value[0]
        if isinstance(value, bool):
            return _BOOL, int(value)
        return _WORD, self._word(value)

    def _word(self, text):
        number = self._words.get(text)
        if number is None:
            number = self._words[text] = self._define(text.encode())
        return number

    def _layout(self, source, values):
        for at, known in enumerate(self._layouts):
            if known[1:5] == (source.name, source.model, source.measurement, source.signals):
                if known[5] >= len(values):
                    return known[0]
                del self._layouts[at]  # a base that lacks what this reading has would make every later record longer
                break
        out = Writer()
        for text in (source.name, source.model, source.measurement):
            out.text(text)
        last = ""
        for name in source.signals:
            out.text(name)
            out.nibble(_follows(name, last))
            form, value = self._value(values.get(name))
            out.nibble(form)
            out.signed(value)
            last = name
        number = self._define(bytes(out.data))
        self._layouts.append((number, source.name, source.model, source.measurement, source.signals, len(values)))
        return number

    def _define(self, definition):
        number = self.next
        self.next += 1
        self.definitions[number] = definition
        return number


class _Layout:
    """Goes through the signals of a layout, one with each `next`."""

    def __init__(self, layout):
        self._reader = Reader(layout)
        self.device, self.model, self.measurement = [self._reader.text() for _ in range(3)]

    def next(self):
        """False at the end."""
        reader = self._reader
        if reader.ended():
            return False
        self.name = reader.text()
        self.follows = reader.nibble()
        self.form = reader.nibble()
        self.value = reader.signed()
        return True


def layout_of(record):
    """The number of a record's layout, or LOSS."""
    return Reader(record).number() >> 2


def to_json(definitions, t, record):
    """The reading's JSON from `"device"` on, as bytes without the braces; `t` is UTC in ms or None.

    A word whose definition is damaged is left out. Raises KeyError if the layout is.
    """
    reader = Reader(record)
    head = reader.number()
    when = b"null" if t is None else b"%d" % t
    if head >> 2 == LOSS:
        readings, last_seq, duration, reason = loss_in(record)
        return (
            b'"device":"board","model":"esp32","measurement":"loss","t":%s,'
            b'"signals":{"readings":%d,"last_seq":%d,"duration":%s,"reason":"%s"}'
            % (when, readings, last_seq, decimal(duration, 3).encode(), REASONS[reason].encode())
        )
    error = definitions.get(reader.number(), b"its text is damaged") if head & 1 else None
    layout = _Layout(definitions[head >> 2])
    out = bytearray(
        b'"device":"%s","model":"%s","measurement":"%s","t":%s,"signals":{'
        % (layout.device, layout.model, layout.measurement, when)
    )
    if head & 2:
        _signals_to_json(out, definitions, layout, reader)
    out.extend(b"}")
    if error is not None:
        out.extend(b',"error":')
        out.extend(json.dumps(error.decode()).encode())
    return out


def _signals_to_json(out, definitions, layout, reader):
    index = moved = 0
    comma = b'"'
    while layout.next():
        if index & 3 == 0:
            differs = reader.nibble()
        if not layout.follows:
            moved = 0
        form, value = layout.form, layout.value + moved
        if differs >> (index & 3) & 1:
            difference = reader.signed()
            if difference:
                value += difference
            else:
                form, value = reader.nibble(), reader.signed()
        moved = value - layout.value if form == layout.form != _ABSENT else 0
        index += 1
        if form != _ABSENT and (form != _WORD or value in definitions):
            out.extend(comma)
            out.extend(layout.name)
            out.extend(b'":')
            out.extend(_json(definitions, form, value))
            comma = b',"'


def _json(definitions, form, value):
    if form == _BOOL:
        return b"true" if value else b"false"
    if form == _WORD:
        return json.dumps(definitions[value].decode()).encode()
    return decimal(value, form - _DECIMALS).encode()


def _write_token(out, form, value):
    if form is None:
        out.signed(value)
    else:
        out.signed(0)
        out.nibble(form)
        out.signed(value)


def _follows(name, last):
    """Whether the two differ in a number alone."""
    return _worded(name) == _worded(last) != name


def _worded(name):
    return "".join([letter for letter in name if not letter.isdigit()])


def loss(readings, last_seq, duration, reason):
    """The record of a loss; `duration` in ms, `reason` an index into REASONS."""
    out = Writer()
    for number in (LOSS, readings, last_seq, duration, reason):
        out.number(number)
    return bytes(out.data)


def loss_in(record):
    """(readings, last_seq, duration, reason) of the record of a loss."""
    reader = Reader(record)
    reader.number()
    return [reader.number() for _ in range(4)]
