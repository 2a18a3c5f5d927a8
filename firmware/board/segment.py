"""One file of records on flash. Which of them are still wanted is up to store.py.

Its name is `number-level-boot`: files are in the order of their numbers, all records of one are of one boot, and the level
says how far it is thinned, see thinning.py. It is a row of chunks: kind, length, CRC-32, payload. A chunk is a definition
or a batch of records, see record.py.

Promises: `append` is whole or not at all, also when the power goes. What cannot be read raises OSError, and `cut_off` then
makes do with what stands before it. A chunk that is damaged is passed over, up to the next whole one, and so costs its
records alone: those of some 30 s. A damaged definition costs the records that need it, in this file alone.
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
        self.began = self.ended = 0  # ms since boot, of the first and of the last record
        self.count = 0
        self.size = 0
        self.defined = 0  # definitions up to this number are in the file
        self.checked = 0  # damage up to this offset is counted already

    def path(self):
        return "%s/%06d-%d-%s" % (self.folder, self.number, self.level, self.boot)

    def append(self, definitions, records):
        """Writes `records`, [seq, up, offset, record, ...] each, and what they need of `definitions`, in one go.

        `offset` is UTC minus `up` in ms, or None. Raises OSError; a new file is then removed again.
        """
        defined = self.defined
        size = self.size
        start = 0
        try:
            with open(self.path(), "ab" if size else "wb") as file:
                for number in sorted(definitions):
                    if number > defined:
                        out = Writer()
                        out.number(number)
                        out.text(definitions[number])
                        size += _write_chunk(file, DEFINITION, out.data)
                        defined = number
                while start < len(records):
                    end, payload = _batch(records, start, self.count + start)
                    size += _write_chunk(file, BATCH, payload)
                    start = end
        except OSError:
            if not self.size:
                try:
                    os.remove(self.path())
                except OSError:  # the next attempt has the same name and begins with an empty file
                    pass
            raise
        self._account_for(self.count, records)
        self.size, self.defined = size, defined

    def chunks(self, file, offset):
        """(end, kind, payload) of each whole chunk of the open `file` from `offset` on. Raises OSError."""
        while offset + _HEAD_SIZE <= self.size:
            file.seek(offset)
            head = file.read(_HEAD_SIZE)
            kind, length, checksum = struct.unpack(_HEAD, head)
            payload = file.read(length) if kind in (DEFINITION, BATCH) and length <= _LONGEST else b""
            if payload and binascii.crc32(payload, binascii.crc32(head[:3])) == checksum:
                offset += _HEAD_SIZE + length
                yield offset, kind, payload
            else:
                offset = _next_chunk(file, offset + 1)

    def learn(self):
        """Takes first, last, count and size from the file, nearly always from its two ends alone. Raises OSError."""
        self.size = os.stat(self.path())[6]
        with open(self.path(), "rb") as file:
            for start in (max(0, self.size - 2 * _LONGEST), 0):
                known = self.count
                for _, kind, payload in self.chunks(file, start):
                    if kind == BATCH:
                        self._account_for(*records_in(payload))
                        if known:
                            break

    def cut_off(self):
        """Forgets what stands behind the first byte that cannot be read."""
        self.last, self.count, whole = -1, 0, 0
        try:
            with open(self.path(), "rb") as file:
                for whole, kind, payload in self.chunks(file, 0):
                    if kind == BATCH:
                        self._account_for(*records_in(payload))
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

    def _account_for(self, before, records):
        for each in records:
            seq = each[0]
            last = max(seq, loss_in(each[3])[1]) if layout_of(each[3]) == LOSS else seq
            if self.last < 0 or seq < self.first:
                self.first, self.began = seq, each[1]
            self.last = max(self.last, last)
            self.ended = max(self.ended, each[1])
        self.count = max(self.count, before + len(records))


def records_in(payload):
    """How many records stand in the file before this batch, and its own: (seq, up, offset, record) each."""
    reader = Reader(payload)
    before, seq, up, dated = [reader.number() for _ in range(4)]
    records = []
    while not reader.ended():
        seq += reader.signed()
        up += reader.signed()
        records.append((seq, up, dated - 1 if dated else None, reader.text()))
    return before, records


def definition_in(payload):
    """(number, definition)."""
    reader = Reader(payload)
    return reader.number(), reader.text()


def _batch(records, start, before):
    """The end of the run of records from `start` on that fits into one batch, and the payload."""
    seq, up, offset = records[start][:3]
    out = Writer()
    for number in (before, seq, up, 0 if offset is None else offset + 1):
        out.number(number)
    end = start
    while end < len(records) and records[end][2] == offset and len(out.data) < _BATCH:
        each = records[end]
        out.signed(each[0] - seq)
        out.signed(each[1] - up)
        out.text(each[3])
        seq, up = each[:2]
        end += 1
    return end, out.data


def _write_chunk(file, kind, payload):
    checksum = binascii.crc32(payload, binascii.crc32(struct.pack(">BH", kind, len(payload))))
    return file.write(struct.pack(_HEAD, kind, len(payload), checksum)) + file.write(payload)


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
