"""The bytes that the link may cost, per day and per month of UTC, and what they have cost so far.

Promised: what is spent is known again after a restart, but for what a crash takes: at most a minute of it, and a
hundredth of the smaller budget. The backlog gets only what the readings of now have left over of the time that has
passed: it cannot take the rest of the day, or of the month, from what is still to come.
Not promised: that nothing is sent beyond the budget. Events, roll-ups and health are, and so is the end of a request.
"""

import json
import logging
from calendar import monthrange
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from gateway import framelog
from gateway.damage import move_aside
from gateway.disk import Disk
from gateway.notice import Notice

FILE = "budget.frames"
SAVE_MS = 60_000
SAVE_SHARE = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, None where there is no limit."""

    day: int | None = None
    month: int | None = None


UNLIMITED = Limits()


@dataclass(slots=True)
class _Spent:
    """`day` and `month` as 2026-11-25 and 2026-11; None before the first one is known."""

    day: str | None = None
    day_bytes: int = 0
    month: str | None = None
    month_bytes: int = 0


class Budget:
    """All bytes count on the wire, in both directions."""

    def __init__(
        self, limits: Limits, disk: Disk, boottime: Callable[[], int], utc_ms: Callable[[], int | None]
    ) -> None:
        """Read what was spent. `boottime` is in ms; `utc_ms` gives None while the time is not known: what is spent then
        counts for the day on which it is known again.
        """
        self.limits = limits
        self._disk = disk
        self._boottime = boottime
        self._utc_ms = utc_ms
        self._notice = Notice(log, FILE)
        self._spent = self._read()
        self._unsaved = 0
        self._saved_at = boottime()

    @property
    def is_set(self) -> bool:
        """Whether bytes are limited at all."""
        return self.limits != UNLIMITED

    @property
    def day_bytes(self) -> int:
        """Spent today."""
        return 0 if _is_over(self._spent.day, self._today()) else self._spent.day_bytes

    @property
    def month_bytes(self) -> int:
        """Spent this month."""
        return 0 if _is_over(self._spent.month, (self._today() or "")[:7]) else self._spent.month_bytes

    def spent_share(self) -> float | None:
        """What of the tighter budget is spent, in %; None while there is no limit."""
        spent = ((self.limits.day, self.day_bytes), (self.limits.month, self.month_bytes))
        return max((100 * size / limit for limit, size in spent if limit is not None), default=None)

    def spend(self, size: int) -> None:
        """So many bytes went over the link."""
        today = self._today()
        if today is not None:
            self._spent = _Spent(today, self.day_bytes, today[:7], self.month_bytes)
        self._spent.day_bytes += size
        self._spent.month_bytes += size
        self._unsaved += size
        smallest = min((limit for limit in (self.limits.day, self.limits.month) if limit is not None), default=None)
        due = self._boottime() - self._saved_at >= SAVE_MS
        if self._unsaved and (due or (smallest is not None and self._unsaved * SAVE_SHARE >= smallest)):
            self.save()

    def left(self, *, backlog: bool) -> int | None:
        """What readings may still cost now, or the backlog; None while there is no limit, 0 while the time is not
        known.
        """
        if not self.is_set:
            return None
        utc = self._utc_ms()
        if utc is None:
            return 0
        now = datetime.fromtimestamp(utc / 1000, UTC)
        day = (now.hour * 3600 + now.minute * 60 + now.second) / 86_400
        month = (now.day - 1 + day) / monthrange(now.year, now.month)[1]
        left = [
            round(limit * (passed if backlog else 1)) - spent
            for limit, passed, spent in (
                (self.limits.day, day, self.day_bytes),
                (self.limits.month, month, self.month_bytes),
            )
            if limit is not None
        ]
        return max(0, min(left))

    def save(self) -> None:
        """Keep what is spent over a restart, if the disk takes it."""
        try:
            self._disk.replace(FILE, framelog.encode(0, _document(self._spent)))
        except OSError as error:
            self._notice.away(f"not written ({error.strerror}); a restart forgets what was spent since")
            return
        self._notice.back()
        self._unsaved = 0
        self._saved_at = self._boottime()

    def _today(self) -> str | None:
        utc = self._utc_ms()
        return None if utc is None else datetime.fromtimestamp(utc / 1000, UTC).date().isoformat()

    def _read(self) -> _Spent:
        if FILE not in self._disk.names():
            return _Spent()
        try:
            frames, _ = framelog.scan(self._disk.read(FILE))
            return _spent(frames[0].document())
        except (OSError, ValueError, IndexError) as error:
            move_aside(self._disk, FILE, f"{error}; counting begins anew")
            return _Spent()


def _is_over(counted: str | None, now: str | None) -> bool:
    """A day or month before the one that was counted comes of a clock that was wrong: what was spent stays spent."""
    return counted is not None and now is not None and counted < now


def _document(spent: _Spent) -> bytes:
    return json.dumps(asdict(spent)).encode()


def _spent(document: Any) -> _Spent:
    match document:
        case {"day": day, "day_bytes": int(day_bytes), "month": month, "month_bytes": int(month_bytes)}:
            return _Spent(day, day_bytes, month, month_bytes)
    raise ValueError("it is of another make")
