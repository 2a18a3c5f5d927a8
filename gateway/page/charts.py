"""What was, as JSON: what the charts are drawn from, and the losses.

Promised: memory is bounded by `KEPT`; the disk is asked by one at a time, and seldom, however often this is asked.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from gateway.page.doors import History, Source

CHARTED = {
    "bms": ("soc", "pack_voltage", "current", "cell_voltage_spread"),
    "charge_controller": ("pv_power", "load_power"),
}

KEPT = 32
FRESH_SHARE = 2
"""What was made is given again for half a bucket's time: the picture would hardly differ."""


class Span(NamedTuple):
    """A chart's reach and the width of what becomes one point of it, ms."""

    reach: int
    bucket: int


SPANS = {"24h": Span(86_400_000, 600_000), "7d": Span(7 * 86_400_000, 3_600_000)}


LOSSES_REACH = 30 * 86_400_000
LOSSES_MOST = 20
LOSSES_FRESH = 60_000


class Charts:
    """Asks the history; safe to use from several threads."""

    def __init__(self, history: History, utc_ms: Callable[[], int | None]) -> None:
        """`utc_ms` is None while the time is not known: then there is nothing to tell."""
        self._history = history
        self._utc_ms = utc_ms
        self._kept: OrderedDict[tuple[str, ...], tuple[int, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def series(self, source: Source, span: str) -> bytes:
        """`since`, `until` and `bucket` in ms, and each signal's `[time, low, mean, high]`. Raises ValueError for what
        cannot be asked, OSError for what cannot be read now.
        """
        if source.measurement not in CHARTED or span not in SPANS:
            raise ValueError(f"give one of {', '.join(CHARTED)} as measurement and one of {', '.join(SPANS)} as span")
        reach, bucket = SPANS[span]

        def make(now: int) -> Any:
            until = now - now % bucket + bucket
            since = until - reach
            series = self._history.series(source, CHARTED[source.measurement], since, until, reach // bucket)
            rounded = {
                signal: [[when, *(float(f"{value:.5g}") for value in values)] for when, *values in buckets]
                for signal, buckets in series.items()
            }
            return {"since": since, "until": until, "bucket": bucket, "series": rounded}

        return self._fresh((*source, span), bucket // FRESH_SHARE, make)

    def losses(self) -> bytes:
        """The newest losses of the last 30 days, newest first. Raises OSError."""

        def make(now: int) -> Any:
            return [loss._asdict() for loss in self._history.losses(now - LOSSES_REACH, now, LOSSES_MOST)]

        return self._fresh(("losses",), LOSSES_FRESH, make)

    def _fresh(self, key: tuple[str, ...], fresh: int, make: Callable[[int], Any]) -> bytes:
        with self._lock:
            now = self._utc_ms()
            if now is None:
                return b"null"
            made, content = self._kept.get(key, (None, b""))
            if made is None or abs(now - made) >= fresh:
                content = json.dumps(make(now), separators=(",", ":")).encode()
                self._kept[key] = now, content
                self._kept.move_to_end(key)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return content
