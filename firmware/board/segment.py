"""One file of records on flash. Which of them are still wanted is up to store.py.

Its name is `number-level-boot`: files are in the order of their numbers, all records of one are of one boot, and the level
says how far it is thinned, see thinning.py. It is a row of chunks: kind, length, CRC-32, payload. A chunk is a definition
or a batch of records, see record.py.

Promises: `append` is whole or not at all, also when the power goes. What cannot be read raises OSError. A chunk that is damaged is passed over, up to the next whole one, and so costs its
records alone: those of some 30 s. A damaged definition costs the records that need it, in this file alone.
"""

import binascii
import os
import struct

from record import LOSS, layout_of, loss_in, packed, signed, unpacked, unsigned

DEFINITION, BATCH = 0xD5, 0xB5
_HEAD = ">BHI"  # kind, length of the payload, CRC-32 of both and of the payload
_HEAD_BYTES = 7
LONGEST = 2048  # bytes of a chunk
_BATCH = 12  # records


class Segment:
    """File `number` in `folder`, new or to be learned, see finding.py.

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
                        size += _write_chunk(file, DEFINITION, struct.pack(">H", number) + definitions[number])
                        defined = number
                while start < len(records):
                    count, payload = _batch(records[start:], self.count + start)
                    size += _write_chunk(file, BATCH, payload)
                    start += count
        except OSError:
            if not self.size:
                try:
                    os.remove(self.path())
                except OSError:  # the next attempt has the same name and begins with an empty file
                    pass
            raise
        self.account_for(self.count, records)
        self.size, self.defined = size, defined

    def chunks(self, file, offset):
        """(end, kind, payload) of each whole chunk of the open `file` from `offset` on. Raises OSError."""
        while offset + _HEAD_BYTES <= self.size:
            file.seek(offset)
            head = file.read(_HEAD_BYTES)
            kind, length, checksum = struct.unpack(_HEAD, head)
            payload = file.read(length) if kind in (DEFINITION, BATCH) and length <= LONGEST else b""
            if payload and binascii.crc32(payload, binascii.crc32(head[:3])) == checksum:
                offset += _HEAD_BYTES + length
                yield offset, kind, payload
            else:
                offset = _next_chunk(file, offset + 1)

    def account_for(self, before, records):
        """Takes first, last and count from one batch."""
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
    at = 1 + payload[0]
    numbers = unpacked(payload[1:at])
    before, seq, up, dated, count = [next(numbers) for _ in range(5)]
    records = []
    for _ in range(count):
        seq += signed(next(numbers))
        up += signed(next(numbers))
        end = at + next(numbers)
        records.append((seq, up, dated - 1 if dated else None, payload[at:end]))
        at = end
    return before, records


def definition_in(payload):
    """(number, definition)."""
    return int.from_bytes(payload[:2], "big"), payload[2:]


def _batch(records, before):
    """How many of `records`, from the first on, go into one batch, and its payload."""
    seq, up, offset = records[0][:3]
    numbers = [before, seq, up, 0 if offset is None else offset + 1, 0]
    bodies = []
    for each in records[:_BATCH]:
        if each[2] != offset:
            break
        numbers.extend((unsigned(each[0] - seq), unsigned(each[1] - up), len(each[3])))
        bodies.append(each[3])
        seq, up = each[:2]
    numbers[4] = len(bodies)
    head = packed(numbers)
    return len(bodies), b"".join([bytes((len(head),)), head] + bodies)


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
