"""Which devices a unit no longer has. A board gives a reading of each device in its settings at every poll, whether the
device answers or not; so what it does not tell of for two hours of its present boot was taken out of its settings.

Not promised: anything about a unit that is gone with its board. Nobody says so, and it stays silent.
"""

from ingest.reading import Reading

BOARD = "board"
AFTER_MS = 7_200_000
"""Two polls at the longest period that a unit's settings take."""


def is_removed(last: Reading, first: Reading, now: Reading) -> bool:
    """Whether the device of the reading `last` is gone; `first` and `now` are what the board told of itself, first and
    last in its present boot.
    """
    return last.boot != now.boot == first.boot and now.up - first.up >= AFTER_MS
