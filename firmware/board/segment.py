"""One file of records on flash. Which of them are still wanted is up to spool.py.

Its name is `number-level-boot`: files are in the order of their numbers, all records of one are of one boot, and the level
says how far it is thinned, see thinning.py. It is a row of chunks: kind, length, CRC-32, payload. A chunk is a definition
or a batch of records, see record.py.

Promises: `append` is whole or not at all, also when the power goes. What cannot be read raises OSError, and `cut_off`
then makes do with what stands before it. A chunk that is damaged is passed over, up to the next whole one, and so costs
its records alone: those of some 30 s. A damaged definition costs the records that need it, in this file alone.
"""

import binascii
import os
import struct

from nibbles import Reader, Writer
from record import LOSS, layout_of, loss_in

DEFINITION, BATCH = 0xD5, 0xB5
_HEAD = ">BHI"  # kind, length of the payload, CRC-32 of both and of the payload
_HEAD_SIZE = 7
_LONGEST = 2048  # bytes of a chunk
_BATCH = 512  # bytes of a batch, about


class Segment:
    """File `number` in `folder`, new or to be learned with `learn`.

    It accounts for seqs `first` to `last`, in `count` records and `size` bytes.
    """

    def __init__(self, folder, number, level, boot):
        self.folder = folder
        self.number = number
        self.level = level
        self.boot = boot
        self.first = 0
        self.last = -1
        self.ended = 0  # ms since boot, of the last
        self.count = 0
        self.size = 0
        self.defined = 0  # definitions up to this number are in the file
        self.checked = 0  # damage up to this offset is counted already
        self.is_damaged = False  # and was said

    def path(self):
        return "%s/%06d-%d-%s" % (self.folder, self.number, self.level, self.boot)

    def append(self, definitions, records):
        """Writes `records`, [seq, up, offset, record, ...] each, and what they need of `definitions`, in one go.

        `offset` is UTC minus `up` in ms, or None. Raises OSError; a new file is then removed again.
        """
        size, count = self.size, self.count
        defined = self.defined
        try:
            with open(self.path(), "ab" if size else "wb") as file:
                for number in sorted(definitions):
                    if number > defined:
                        out = Writer()
                        out.number(number)
                        out.raw(definitions[number])
                        size += _write_chunk(file, DEFINITION, out.data)
                        defined = number
                start = 0
                while start < len(records):
                    end, payload = _batch(records, start, count)
                    size += _write_chunk(file, BATCH, payload)
                    count += end - start
                    start = end
        except OSError:
            if not self.size:
                try:
                    os.remove(self.path())
                except OSError:  # the next attempt has the same name and begins with an empty file
                    pass
            raise
        for each in records:
            self._account_for(each)
        self.count, self.size, self.defined = count, size, defined

    def chunks(self, file, offset):
        """(start, end, kind, payload) of each whole chunk of the open `file` from `offset` on. Raises OSError.

        Between the end of one and the start of the next lies damage, if anything.
        """
        while offset + _HEAD_SIZE <= self.size:
            file.seek(offset)
            found = _read_chunk(file)
            if found:
                end = offset + _HEAD_SIZE + len(found[1])
                yield offset, end, found[0], found[1]
                offset = end
            else:
                offset = _next_chunk(file, offset + 1)

    def learn(self):
        """Takes first, last, count and size from the file, nearly always from its two ends alone. Raises OSError."""
        self.size = os.stat(self.path())[6]
        with open(self.path(), "rb") as file:
            for start in (max(0, self.size - 2 * _LONGEST), 0):
                for payload in self._batches(file, start):
                    self._take_in(payload)
                if self.count:
                    break
            for payload in self._batches(file, 0):
                self._take_in(payload)
                break

    def _batches(self, file, offset):
        return (payload for _, _, kind, payload in self.chunks(file, offset) if kind == BATCH)

    def _take_in(self, payload):
        before, records = records_in(payload)
        self.count = max(self.count, before + len(records))
        for each in records:
            self._account_for(each)

    def _account_for(self, record):
        seq = record[0]
        last = max(seq, loss_in(record[3])[1]) if layout_of(record[3]) == LOSS else seq
        self.first = seq if self.last < 0 else min(self.first, seq)
        self.last = max(self.last, last)
        self.ended = max(self.ended, record[1])

    def cut_off(self):
        """Forgets what stands behind the first byte that cannot be read."""
        self.last, self.count = -1, 0
        whole = 0
        try:
            with open(self.path(), "rb") as file:
                for _, end, kind, payload in self.chunks(file, 0):
                    whole = end
                    if kind == BATCH:
                        self._take_in(payload)
        except OSError:
            pass
        self.size = whole

    def is_readable(self):
        """Whether every byte of the file can be read."""
        try:
            with open(self.path(), "rb") as file:
                while file.read(512):
                    pass
        except OSError:
            return False
        return True


def records_in(payload):
    """How many records stand in the file before this batch, and its own: (seq, up, offset, record) each."""
    reader = Reader(payload)
    before, seq, up = reader.number(), reader.number(), reader.number()
    dated = reader.number()
    offset = dated - 1 if dated else None
    records = []
    while not reader.ended():
        length = reader.number()
        seq += reader.signed()
        up += reader.signed()
        records.append((seq, up, offset, reader.raw(length)))
    return before, records


def _batch(records, start, before):
    """The end of the run of records from `start` on that fits into one batch, and the payload."""
    seq, up, offset = records[start][:3]
    out = Writer()
    for number in (before, seq, up, 0 if offset is None else offset + 1):
        out.number(number)
    end = start
    while end < len(records) and records[end][2] == offset and len(out.data) < _BATCH:
        each = records[end]
        out.number(len(each[3]))
        out.signed(each[0] - seq)
        out.signed(each[1] - up)
        out.raw(each[3])
        seq, up = each[0], each[1]
        end += 1
    return end, out.data


def definition_in(payload):
    """(number, definition)."""
    reader = Reader(payload)
    number = reader.number()
    return number, reader.raw(len(payload))


def _write_chunk(file, kind, payload):
    checksum = binascii.crc32(payload, binascii.crc32(struct.pack(">BH", kind, len(payload))))
    return file.write(struct.pack(_HEAD, kind, len(payload), checksum)) + file.write(payload)


def _read_chunk(file):
    """(kind, payload), or None where no whole chunk begins."""
    head = file.read(_HEAD_SIZE)
    if len(head) < _HEAD_SIZE or head[0] not in (DEFINITION, BATCH):
        return None
    kind, length, checksum = struct.unpack(_HEAD, head)
    if length > _LONGEST:
        return None
    payload = file.read(length)
    if len(payload) < length or binascii.crc32(payload, binascii.crc32(head[:3])) != checksum:
        return None
    return kind, payload


def _next_chunk(file, offset):
    """The next offset at which a chunk may begin, or that of the file's end."""
    while True:
        file.seek(offset)
        window = file.read(256)
        for at, byte in enumerate(window):
            if byte in (DEFINITION, BATCH):
                return offset + at
        if not window:
            return offset
        offset += len(window)
