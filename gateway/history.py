"""What the database has already: kept as long as there is room, for roll-ups, for charts, for a start after a crash.

A segment that is done gets a name that says in which hours its readings were taken. That costs no other write, is
durable in one step, and is all the index there is: nothing has to be read at the start, and nothing can be out of date.
A board whose clock is years off adds its hours to the name, and takes none from the others.
Promised: whatever else needs the room gets it, from the oldest file on. Not promised: that a file can still be read
when it was found; it may have given way meanwhile.
"""

import re
from dataclasses import dataclass

from gateway.disk import Disk
from gateway.intervals import IntervalSet

MOST_STRETCHES = 8
"""Of hours that follow one another, in a name: what lies between two counts as theirs when there are more."""

_NAME = re.compile(r"history-(\d{8})((?:-\d+\.\d+)*)\.frames")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file with what was segment `number`: readings of these `hours` since 1970."""

    name: str
    number: int
    hours: IntervalSet
    size: int


class History:
    """Not safe for several threads: the journal's lock guards it."""

    def __init__(self, disk: Disk) -> None:
        """What is there. Raises OSError when the folder cannot be listed."""
        self._disk = disk
        self._files = []
        for name in disk.names():
            if match := _NAME.fullmatch(name):
                stretches = (stretch.split(".") for stretch in match[2].split("-")[1:])
                hours = IntervalSet((int(first), int(last)) for first, last in stretches)
                self._files.append(Kept(name, int(match[1]), hours, disk.size(name)))
        self.bytes = sum(file.size for file in self._files)

    @property
    def oldest(self) -> Kept | None:
        """The one that gives way next."""
        return self._files[0] if self._files else None

    @property
    def newest(self) -> Kept | None:
        """The one that was taken over last, by its number."""
        return self._files[-1] if self._files else None

    def keep(self, segment: str, number: int, hours: IntervalSet, size: int) -> str:
        """Take over the file `segment`; it has the name that is returned then. Raises OSError."""
        stretches = hours.coarse(MOST_STRETCHES)
        name = "-".join([f"history-{number:08d}", *(f"{first}.{last}" for first, last in stretches)]) + ".frames"
        self._disk.rename(segment, name)
        self._files.append(Kept(name, number, IntervalSet(stretches), size))
        self._files.sort(key=lambda file: file.number)
        self.bytes += size
        return name

    def drop(self, file: Kept) -> None:
        """Delete it. Raises OSError."""
        self._disk.remove(file.name)
        self._files.remove(file)
        self.bytes -= file.size

    def between(self, first: int, last: int) -> list[str]:
        """The names of those that may hold readings of the hours from `first` to `last`, oldest first."""
        return [file.name for file in self._files if file.hours.meets(first, last)]

    def since(self, number: int) -> list[str]:
        """The names of those that were segment `number` or a later one, oldest first."""
        return [file.name for file in self._files if file.number >= number]
