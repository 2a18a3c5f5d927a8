"""A reading: one device, polled once. The form in which it stands in the journal and is turned into a point."""

from dataclasses import dataclass
from typing import Literal

Value = float | int | bool | str

TimeQuality = Literal["device", "gateway", "late", "estimated"]
"""Who dated the reading: the board's own clock, the gateway at arrival, the gateway afterwards, or its neighbours."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One device, polled once. `(unit, boot, seq)` is its identity and is never used twice.

    `up` is milliseconds since the board's boot when the poll began; `t` is UTC in milliseconds, or None while the
    board's clock was not set. A signal that could not be read is absent from `signals`; `error` then says why.
    """

    unit: str
    boot: str
    seq: int
    device: str
    model: str
    measurement: str
    up: int
    t: int | None
    signals: dict[str, Value]
    error: str | None = None
