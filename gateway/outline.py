"""What a start has to know of a segment, and the footer that says it: one more frame at the end of a segment to which
nothing is appended any more, so that a start reads the footers of what waits, and not the readings.

Promised: a footer is believed only when it is whole and stands right behind as many bytes as it tells of; where there
is none, the segment is read, which costs time and nothing else. It lies in the segment, so it is renamed, written anew
and deleted with it, and cannot be of another. Not promised: that damage within those bytes is found at the start; who
reads them finds it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from gateway import framelog
from gateway.disk import Disk
from gateway.entry import GATEWAY, LOSS, FrameMark, StoredFrame, entry_of, row
from gateway.intervals import IntervalSet
from gateway.ledger import Key
from gateway.priority import Priority
from gateway.summary import HOUR_MS
from gateway.telling import Telling

FOOTER = 0
"""The number of its frame, which no frame of readings has."""

LARGEST = 64 * 1024
"""Bytes; so many are read at a segment's end. A segment that would need more has no footer."""


@dataclass(slots=True)
class Outline:
    """Of the frames that were added: `level`, the least that their readings were thinned to, None while there are none;
    `replaces`, the numbers of files that are none any more because of them; `hours` since 1970 in which what they hold
    was taken; `ups`, the first and the last of each boot that is undated; `keys`, the boots of all readings; `lost`,
    the seqs that losses tell of, as (boot, first, last).
    """

    marks: list[FrameMark] = field(default_factory=list)
    level: int | None = None
    replaces: set[int] = field(default_factory=set)
    hours: IntervalSet = field(default_factory=IntervalSet)
    ups: dict[Key, tuple[int, int]] = field(default_factory=dict)
    keys: set[Key] = field(default_factory=set)
    lost: list[tuple[Key, int, int]] = field(default_factory=list)
    telling: Telling = field(default_factory=Telling)

    @classmethod
    def of(cls, frames: Iterable[StoredFrame]) -> Self:
        """Of these frames, in the order of the file."""
        outline = cls()
        for frame in frames:
            outline.add(frame)
        return outline

    def add(self, frame: StoredFrame) -> None:
        """One more frame."""
        self.marks.append(frame.mark)
        self.level = frame.level if self.level is None else min(self.level, frame.level)
        if frame.replaces is not None:
            self.replaces.add(frame.replaces)
        for entry in frame.entries:
            reading = entry.reading
            self.keys.add(entry.key)
            if entry.dated is None:
                self._widen(entry.key, reading.up, reading.up)
            else:
                self.hours.add(hour_of(entry.dated[0]))
            last = reading.signals.get("last_seq")
            if reading.measurement == LOSS and isinstance(last, int) and last >= reading.seq:
                self.lost.append((entry.key, reading.seq, last))
            if not entry.made_here or reading.unit == GATEWAY:
                self.telling.add(entry)

    def join(self, later: Self) -> None:
        """The frames of another, which stand behind these."""
        self.marks += later.marks
        levels = [level for level in (self.level, later.level) if level is not None]
        self.level = min(levels, default=None)
        self.replaces |= later.replaces
        for first, last in later.hours.ranges():
            self.hours.add(first, last)
        for key, (first, last) in later.ups.items():
            self._widen(key, first, last)
        self.keys |= later.keys
        self.lost += later.lost
        self.telling.join(later.telling)

    def _widen(self, key: Key, first: int, last: int) -> None:
        known = self.ups.get(key, (first, last))
        self.ups[key] = min(known[0], first), max(known[1], last)


class Footer(NamedTuple):
    """The footer's own bytes, and what it says."""

    size: int
    outline: Outline


def hour_of(utc_ms: int) -> int:
    """Hours since 1970; a time before that, which a board may say, counts as its first hour."""
    return max(0, utc_ms) // HOUR_MS


def footer(outline: Outline, size: int) -> bytes:
    """The frame that goes behind the segment's `size` bytes; empty when it would be too large to be of use."""
    telling = outline.telling
    rows = [b"[%b,%b]" % (json.dumps(entry.kernel).encode(), row(entry)) for entry in (*telling.bare, *telling.latest)]
    said = {
        "size": size,
        "marks": _runs(outline.marks),
        "level": outline.level,
        "replaces": sorted(outline.replaces),
        "hours": outline.hours.ranges(),
        "ups": [[*key, *ups] for key, ups in outline.ups.items()],
        "keys": sorted(outline.keys),
        "seqs": [[*key, seqs.ranges()] for key, seqs in telling.seqs.items()],
        "lost": [[*key, first, last] for key, first, last in outline.lost],
        "bare": len(telling.bare),
    }
    data = framelog.encode(FOOTER, b"[%b,[%b]]" % (json.dumps(said).encode(), b",".join(rows)))
    return data if len(data) <= LARGEST else b""


def read_footer(disk: Disk, name: str) -> Footer | None:
    """The one at the file's end. Raises OSError when it cannot be read."""
    return footer_of(disk.read_end(name, LARGEST), disk.size(name))


def footer_of(end: bytes, size: int) -> Footer | None:
    """The footer in the last bytes of a file of that size."""
    frame = framelog.last(end)
    if frame is None or frame.number != FOOTER:
        return None
    try:
        said, rows = frame.document()
        outline = _outline(said, rows)
        return Footer(len(end) - frame.start, outline) if said["size"] == size - len(end) + frame.start else None
    except (ValueError, LookupError, TypeError):
        return None  # of another make


def _outline(said: dict[str, Any], rows: Sequence[Any]) -> Outline:
    outline = Outline(
        marks=[
            FrameMark(number, readings, _key(undated), Priority(priority))
            for first, last, readings, undated, priority in said["marks"]
            for number in range(first, last + 1)
        ],
        level=said["level"],
        replaces=set(said["replaces"]),
        hours=IntervalSet(said["hours"]),
        ups={(unit, boot): (first, last) for unit, boot, first, last in said["ups"]},
        keys={(unit, boot) for unit, boot in said["keys"]},
        lost=[((unit, boot), first, last) for unit, boot, first, last in said["lost"]],
    )
    for unit, boot, ranges in said["seqs"]:
        outline.telling.know((unit, boot), IntervalSet(ranges))
    entries = [entry_of(kernel, said_of_it) for kernel, said_of_it in rows]
    for entry in entries[: said["bare"]]:
        outline.telling.add_bare(entry)
    for entry in entries[said["bare"] :]:
        outline.telling.add_latest(entry)
    return outline


def _key(undated: list[str] | None) -> Key | None:
    return None if undated is None else (undated[0], undated[1])


def _runs(marks: Iterable[FrameMark]) -> list[list[Any]]:
    """Marks of numbers that follow one another and are otherwise the same, as one: first, last, what they have."""
    runs: list[list[Any]] = []
    for number, *rest in marks:
        if runs and runs[-1][1] == number - 1 and runs[-1][2:] == rest:
            runs[-1][1] = number
        else:
            runs.append([number, number, *rest])
    return runs
