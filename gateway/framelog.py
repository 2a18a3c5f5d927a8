"""Frames: how the journal's bytes lie in a file, so that damage is found, bounded and stepped over.

A frame is a header (magic, length, number, CRC-32 of length, number and body) and a body: one JSON document, deflated.
Promised: `scan` never fails, and never takes damaged bytes for a frame (CRC-32: one chance in four thousand million).
Not promised: that the numbers in a file follow one another; damage may have taken some.
"""

import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any

MAGIC = b"PUf1"
_HEADER = struct.Struct("<4sIQI")
_CHECKED = struct.Struct("<IQ")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame found in a file's bytes, of which `body` is a view, at the offsets `[start, end)`."""

    number: int
    body: memoryview
    start: int
    end: int

    def document(self) -> Any:
        """The body's JSON document. Raises ValueError when a frame of another make says something else."""
        try:
            return json.loads(self.text())
        except RecursionError as error:
            raise ValueError(f"frame {self.number}: {error}") from None

    def text(self) -> str:
        """The document as text. Raises ValueError likewise."""
        try:
            return zlib.decompress(self.body).decode("utf-8")
        except zlib.error as error:
            raise ValueError(f"frame {self.number}: {error}") from None


def encode(number: int, document: bytes) -> bytes:
    """A frame around a JSON document."""
    body = zlib.compress(document)
    return _HEADER.pack(MAGIC, len(body), number, _crc(number, body)) + body


def scan(data: bytes) -> tuple[list[Frame], list[tuple[int, int]]]:
    """All good frames in a file's bytes, and the stretches `[start, end)` that are none."""
    frames: list[Frame] = []
    damaged: list[tuple[int, int]] = []
    offset = 0
    while offset < len(data):
        frame = _frame_at(data, offset)
        if frame is not None:
            frames.append(frame)
            offset = frame.end
            continue
        start = offset
        offset = _next_frame(data, start + 1)
        damaged.append((start, offset))
    return frames, damaged


def last(data: bytes) -> Frame | None:
    """The frame that ends where the bytes do."""
    offset = len(data)
    while (offset := data.rfind(MAGIC, 0, offset)) >= 0:
        frame = _frame_at(data, offset)
        if frame is not None:
            return frame if frame.end == len(data) else None
    return None


def _frame_at(data: bytes, offset: int) -> Frame | None:
    if len(data) - offset < _HEADER.size:
        return None
    magic, length, number, crc = _HEADER.unpack_from(data, offset)
    start = offset + _HEADER.size
    if magic != MAGIC or length > len(data) - start:
        return None
    body = memoryview(data)[start : start + length]
    return Frame(number, body, offset, start + length) if crc == _crc(number, body) else None


def _next_frame(data: bytes, offset: int) -> int:
    while (offset := data.find(MAGIC, offset)) >= 0:
        if _frame_at(data, offset) is not None:
            return offset
        offset += 1
    return len(data)


def _crc(number: int, body: bytes | memoryview) -> int:
    return zlib.crc32(body, zlib.crc32(_CHECKED.pack(len(body), number)))
