"""A reading in some 30 bytes, and back to JSON with exactly the digits of the registers.

A record says how a reading differs from the layout of its source: the names, and the values of one reading that serves as
the base. It says nothing about the records before it, so each can be acknowledged, lost or thinned away alone. Layouts and
words (what a string signal says, what went wrong on the bus) are definitions; a record names them by number, and they are
written once into each file that needs them. A numbered signal, such as a cell, is taken to move as the one before it does.

Promises: the same values come out that went in, whatever profile and settings the board has by then.

A layout: the names, each with a space behind it, device, model and measurement first, + for one that counts on from the one
before, then b"\\n", then for each signal form and value. A record: layout × 4, + 1 if an error's number follows, + 2 if anything
was read; then per three signals which of them differ, and for each of these the difference, or 0 and then form and value
where the form is another.
"""

import json

from decode import decimal

LOSS = 0  # where a layout's number stands: not a reading, but what is known of readings that were given up
REASONS = ("spool_thinned", "spool_full", "flash_damaged")
MOST_DEFINITIONS = 24  # then another dictionary takes over, so that odd errors cannot fill the heap
_ABSENT, _BOOL, _WORD, _DECIMALS = 0, 1, 2, 8  # forms; _DECIMALS + n is a number with n digits behind the point
_GROUP = 3  # signals


def packed(numbers):
    """Numbers from 0 on in as few half bytes as each needs: three bits in each, the lowest first, and a fourth that says
    that more follow. Most of what a device reports moves by a few units, and then one half byte is all.
    """
    data = bytearray()
    half = False
    for number in numbers:
        more = 8
        while more:
            more = 8 if number > 7 else 0
            if half:
                data[-1] |= (number & 7 | more) << 4
            else:
                data.append(number & 7 | more)
            half = not half
            number >>= 3
    return bytes(data)


def unpacked(data):
    """The numbers in `data`, one after the other; a 0 may come behind the last."""
    number = shift = 0
    for byte in data:
        for nibble in (byte & 15, byte >> 4):
            number |= (nibble & 7) << shift
            shift += 3
            if nibble < 8:
                yield number
                number = shift = 0


def unsigned(number):
    """Small numbers for small ones of either sign; `signed` is the way back."""
    return number << 1 if number >= 0 else (-number << 1) - 1


def signed(number):
    return -((number + 1) >> 1) if number & 1 else number >> 1


class Dictionary:
    """The definitions that readings of this start refer to, by number; `next` is that of the next one."""

    def __init__(self, first=1):
        self.definitions = {}
        self.next = first
        self._layouts = {}  # (name, measurement) → number, how many signals its base has, model, signals

    def has_outgrown(self):
        """Whether it holds more errors of the past than what is needed every day."""
        return len(self.definitions) > 10 + 2 * len(self._layouts)

    def encode(self, source, values, error):
        """The record of a reading; `source`, `values` and `error` as Spool.add takes them."""
        return packed(self._numbers(source, values, error))

    def _numbers(self, source, values, error):
        number = self._layout(source, values)
        yield number << 2 | bool(values) << 1 | (error is not None)
        if error is not None:
            yield self._define(error.encode())
        if not values:
            return
        layout = Layout(self.definitions[number])
        for start in range(0, len(source.signals), _GROUP):
            mask, group = 0, []
            for place, name in enumerate(source.signals[start : start + _GROUP]):
                layout.next()
                form, value = self._coded(values.get(name))
                if form != layout.form:
                    group.extend((0, form, unsigned(value)))
                elif value != layout.value:
                    group.append(unsigned(value - layout.value))
                    layout.moved += value - layout.value
                else:
                    continue
                mask |= 1 << place
            yield mask
            for number in group:
                yield number

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
        number, count, *known = self._layouts.get(key, (0, -1))
        if count >= len(values) and known == [source.model, source.signals]:
            return number
        layout = bytearray()
        last = b""
        for text in (source.name, source.model, source.measurement) + source.signals:
            name = text.encode()
            layout.extend(b"+" if name == _counted_on(last) else name)
            layout.extend(b" ")
            last = name
        layout.extend(b"\n")
        layout.extend(packed(self._base(source.signals, values)))
        number = self._define(layout)
        self._layouts[key] = number, len(values), source.model, source.signals
        return number

    def _base(self, signals, values):
        for name in signals:
            form, value = self._coded(values.get(name))
            yield form
            yield unsigned(value)

    def _define(self, definition):
        for number, known in self.definitions.items():
            if known == definition:
                return number
        self.next += 1
        self.definitions[self.next - 1] = definition
        return self.next - 1


class Layout:
    """Goes through the signals of a layout: their `name`, `form`, and the `value` that is likely.

    `source` is device, model and measurement.
    """

    def __init__(self, layout):
        self._layout = layout
        self._at = 0
        self._end = layout.find(b"\n")
        self._numbers = unpacked(memoryview(layout)[self._end + 1 :])
        self.source = self.text(), self.text(), self.text()
        self.name = b""
        self.moved = 0  # how far the signal before is from its base

    def text(self):
        """The next name."""
        start = self._at
        end = self._layout.find(b" ", start)
        self._at = end + 1
        return self._layout[start:end]

    def next(self):
        """False at the end."""
        if self._at == self._end:
            return False
        name = self.text()
        if name == b"+":
            name = _counted_on(self.name)
        else:
            self.moved = 0
        self.name = name
        self.form = next(self._numbers)
        self.value = signed(next(self._numbers)) + self.moved
        return True


def _counted_on(name):
    """b"cell_02_voltage" for b"cell_01_voltage"; b"" for a name without a number."""
    for start, byte in enumerate(name):
        if 48 <= byte < 58:
            end = start + 1
            while name[end : end + 1].isdigit():
                end += 1
            return name[:start] + b"%0*d" % (end - start, int(name[start:end]) + 1) + name[end:]
    return b""


def layout_of(record):
    """The number of a record's layout, or LOSS."""
    return next(unpacked(record)) >> 2


def write_json(out, definitions, t, record):
    """Appends the reading's JSON, without the brace at its end, to the bytearray `out`; `t` is UTC in ms or None.

    A word whose definition is damaged is left out. Raises KeyError if the layout is.
    """
    t = b"null" if t is None else b"%d" % t
    numbers = unpacked(record)
    head = next(numbers)
    if head == LOSS:
        readings, last_seq, duration, reason = loss_in(record)
        out.extend(
            b'{"device":"board","model":"esp32","measurement":"loss","t":%s,'
            b'"signals":{"readings":%d,"last_seq":%d,"duration":%s,"reason":"%s"}'
            % (t, readings, last_seq, decimal(duration, 3).encode(), REASONS[reason].encode())
        )
        return
    error = definitions.get(next(numbers), b"its text is damaged") if head & 1 else None
    layout = Layout(definitions[head >> 2])
    for key, text in zip((b'{"device":"', b'","model":"', b'","measurement":"'), layout.source):
        out.extend(key)
        out.extend(text)
    out.extend(b'","t":%s,"signals":{' % t)
    index = 0
    comma = b'"'
    while head & 2 and layout.next():
        if index % _GROUP == 0:
            differs = next(numbers)
        form, value = layout.form, layout.value
        if differs >> index % _GROUP & 1:
            difference = signed(next(numbers))
            if difference:
                value += difference
                layout.moved += difference
            else:
                form, value = next(numbers), signed(next(numbers))
        index += 1
        if form == _ABSENT or (form == _WORD and value not in definitions):
            continue
        out.extend(comma)
        out.extend(layout.name)
        out.extend(b'":')
        comma = b',"'
        if form == _BOOL:
            out.extend(b"true" if value else b"false")
        elif form == _WORD:
            out.extend(_quoted(definitions[value]))
        else:
            out.extend(decimal(value, form - _DECIMALS).encode())
    out.extend(b"}")
    if error is not None:
        out.extend(b',"error":')
        out.extend(_quoted(error))


def _quoted(text):
    return json.dumps(str(text, "utf-8")).encode()


def loss_in(record):
    """[readings, last_seq, duration in ms, index into REASONS] of the record of a loss."""
    numbers = unpacked(record)
    next(numbers)
    return [next(numbers) for _ in range(4)]
