"""Which readings of a full journal stay: fewer and fewer points of what is old, and a `loss` reading for the rest.

Promised: a reading is kept or told as lost, and what was told as lost stays told. Memory holds the readings that stay
of one segment, and no more. Not promised: the best reading of an interval; the first that arrived is taken, and where
two segments meet an interval may keep two.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway import framelog
from gateway.entry import LOSS, Entry, StoredFrame, document
from gateway.ledger import Key
from gateway.loss import Lost, Reason
from gateway.outline import Outline

INTERVALS_MS = {1: 60_000, 2: 900_000}
"""By level: of each device one reading a minute, then one in fifteen minutes."""

EMPTIED = 3
"""The level at which losses alone are left."""

FRAME_READINGS = 100

_Group = tuple[str, Key | None]


@dataclass(frozen=True, slots=True)
class Thinned:
    """`data` holds the frames of `outline`, and `given_up` readings fewer than there were."""

    data: bytes
    outline: Outline
    given_up: int


def thin(frames: Iterable[StoredFrame], level: int, next_number: Callable[[], int], replaces: int | None) -> Thinned:
    """The frames' readings at that level, in new frames. `replaces` is the number of the file that a start has to
    ignore once it finds these frames.
    """
    writer = _Writer(level, next_number, replaces)
    kept: set[tuple[str, str, str, int]] = set()
    lost: dict[tuple[_Group, Key, Reason], Lost] = {}
    given_up = 0
    for frame in frames:
        for entry in frame.entries:
            if _stays(entry, level, frame.level, kept):
                writer.add(frame.undated, entry)
                continue
            if entry.computed:
                continue  # what it was made of is told as lost
            given_up += not entry.made_here
            key = (entry.kernel, frame.undated), entry.key, _reason(entry, level)
            lost[key] = lost[key].joined(Lost.of(entry)) if key in lost else Lost.of(entry)
    for ((_, undated), _, reason), stretch in lost.items():
        writer.add(undated, stretch.told(reason))
    return Thinned(*writer.end(), given_up)


def _stays(entry: Entry, level: int, was: int, kept: set[tuple[str, str, str, int]]) -> bool:
    reading = entry.reading
    if level == EMPTIED:
        return reading.measurement == LOSS and not entry.made_here  # the gateway's own are joined
    if reading.measurement == LOSS or entry.computed or level <= was:
        return True
    # Without a time yet, a boot's own clock divides its readings as well.
    boot, ms = (reading.boot, reading.up) if entry.dated is None else ("", entry.dated[0])
    bucket = reading.unit, boot, reading.device, ms // INTERVALS_MS[level]
    if bucket in kept:
        return False
    kept.add(bucket)
    return True


def _reason(entry: Entry, level: int) -> Reason:
    match entry.reading.signals.get("reason"):
        case "journal_thinned" | "journal_damaged" | "never_received" as told if entry.made_here:
            return told
    return "journal_full" if level == EMPTIED else "journal_thinned"


class _Writer:
    """Entries into frames, each of one kernel boot and of one undated boot or none."""

    def __init__(self, level: int, next_number: Callable[[], int], replaces: int | None) -> None:
        self._level = level
        self._next_number = next_number
        self._replaces = replaces
        self._open: dict[_Group, list[Entry]] = {}
        self._data: list[bytes] = []
        self._outline = Outline()

    def add(self, undated: Key | None, entry: Entry) -> None:
        entries = self._open.setdefault((entry.kernel, undated), [])
        entries.append(entry)
        if len(entries) == FRAME_READINGS:
            self._close((entry.kernel, undated))

    def end(self) -> tuple[bytes, Outline]:
        for group in list(self._open):
            self._close(group)
        return b"".join(self._data), self._outline

    def _close(self, group: _Group) -> None:
        kernel, undated = group
        entries = self._open.pop(group)
        number = self._next_number()
        text = document(entries, kernel, undated, self._level, self._replaces)
        self._data.append(framelog.encode(number, text))
        self._outline.add(StoredFrame(number, tuple(entries), undated, self._level, self._replaces))
