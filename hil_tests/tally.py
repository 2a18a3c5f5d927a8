"""What came of one row of the fault matrix."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tally:
    """Readings: answered by the devices, or acknowledged to the scripted board; and what fell short of them.

    `in_window` were lost in the 30 s before a power cut of the board, the oldest `oldest_in_window` s before it.
    `estimated` have a time that itself says that it is a guess. `refused` were set aside because the database refused
    them, `dropped` were held by the database, which lost them itself. `broken` are sentences about the rest.
    """

    rounds: int
    readings: int
    lost: int = 0
    duplicated: int = 0
    mistimed: int = 0
    wrong: int = 0
    in_window: int = 0
    oldest_in_window: float = 0.0
    estimated: int = 0
    refused: int = 0
    dropped: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        fallen = self.lost + self.duplicated + self.mistimed + self.wrong
        return self.readings > 0 and not fallen and not self.broken
