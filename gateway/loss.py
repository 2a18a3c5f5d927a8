"""What is given up, as a reading of measurement `loss` that stands where the readings stood; docs/messages.md.

It travels like any reading. Its identity is that of the first reading given up, so the same loss is never told twice.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self

from gateway.entry import GATEWAY, LOSS, Entry
from gateway.message import ReadingMessage

Reason = Literal["journal_thinned", "journal_full", "journal_damaged", "never_received"]


@dataclass(frozen=True, slots=True)
class Lost:
    """So many `readings` of one boot, from `first` to the seq `last_seq`, which was taken at the `up` of `last_up`."""

    first: Entry
    last_seq: int
    last_up: int
    readings: int

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """One entry given up; a loss that the gateway told earlier counts as what it told."""
        reading = entry.reading
        if not entry.made_here:
            return cls(entry, reading.seq, reading.up, 1)
        duration = float(reading.signals["duration"])
        return cls(
            entry,
            int(reading.signals["last_seq"]),
            reading.up + round(duration * 1000),
            int(reading.signals["readings"]),
        )

    def joined(self, other: Self) -> Self:
        """Both, as one stretch."""
        return replace(
            self,
            first=min(self.first, other.first, key=lambda entry: entry.reading.seq),
            last_seq=max(self.last_seq, other.last_seq),
            last_up=max(self.last_up, other.last_up),
            readings=self.readings + other.readings,
        )

    def told(self, reason: Reason) -> Entry:
        """The loss reading, dated like the first that it stands for."""
        taken = self.first.reading
        reading = replace(
            taken,
            device=GATEWAY,
            model=GATEWAY,
            measurement=LOSS,
            signals={
                "readings": self.readings,
                "last_seq": self.last_seq,
                "duration": max(0, self.last_up - taken.up) / 1000,
                "reason": reason,
            },
            error=None,
        )
        return replace(self.first, message=ReadingMessage(reading, None, reading.seq, b""))
