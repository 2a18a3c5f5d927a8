"""What the page asks of the rest of the gateway, and may be asked of it. Each call may wait for the disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from gateway.page.pin import Pin


class Source(NamedTuple):
    """Of what is drawn."""

    unit: str
    device: str
    measurement: str


class Bucket(NamedTuple):
    """A signal over a stretch of time that begins at `time_ms`, UTC."""

    time_ms: int
    low: float
    mean: float
    high: float


class Loss(NamedTuple):
    """Readings that were given up: how many, from when on (UTC ms), for how many seconds, and why."""

    unit: str
    time_ms: int
    readings: int
    duration: float
    reason: str


class History(Protocol):
    """What was read, sent or not."""

    def series(
        self, source: Source, signals: Sequence[str], since: int, until: int, points: int
    ) -> dict[str, list[Bucket]]:
        """Each signal within [since, until), UTC in ms, in at most so many buckets; without a reading there is none.
        Raises OSError.
        """

    def losses(self, since: int, until: int, most: int) -> list[Loss]:
        """The newest ones, newest first. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Doors:
    """`acknowledge` takes an alarm's unit, device and name, and says False when it is not on. `export` begins to write
    onto the stick, and says False while it does so already.
    """

    state: Callable[[], dict[str, Any]]
    healthy: Callable[[], bool]
    metrics: Callable[[], bytes]
    utc_ms: Callable[[], int | None]
    history: History
    pin: Pin | None = None
    acknowledge: Callable[[str, str, str], bool] | None = None
    export: Callable[[], bool] | None = None
