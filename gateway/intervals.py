"""Sets of whole numbers that lie mostly side by side: sequence numbers, frame numbers."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable


class IntervalSet:
    """Whole numbers, held as sorted, disjoint, inclusive ranges: memory grows with the gaps, not with the numbers."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._firsts, number) - 1
        return index >= 0 and number <= self._lasts[index]

    def __le__(self, other: "IntervalSet") -> bool:
        return all(other.run_end(first) >= last for first, last in self.ranges())

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges())

    def add(self, first: int, last: int | None = None) -> None:
        """Add `first`, or every number from `first` to `last`. Raises ValueError for a range that runs backwards."""
        last = first if last is None else last
        if last < first:
            raise ValueError(f"a range from {first} to {last} runs backwards")
        left = bisect_left(self._lasts, first - 1)
        right = bisect_right(self._firsts, last + 1)
        if left < right:
            first = min(first, self._firsts[left])
            last = max(last, self._lasts[right - 1])
        self._firsts[left:right] = [first]
        self._lasts[left:right] = [last]

    def discard(self, number: int) -> None:
        """Forget this one number, if it is there."""
        index = bisect_right(self._firsts, number) - 1
        if index < 0 or number > self._lasts[index]:
            return
        first, last = self._firsts[index], self._lasts[index]
        parts = [part for part in ((first, number - 1), (number + 1, last)) if part[0] <= part[1]]
        self._firsts[index : index + 1] = [part[0] for part in parts]
        self._lasts[index : index + 1] = [part[1] for part in parts]

    def discard_below(self, number: int) -> None:
        """Forget every number smaller than `number`."""
        index = bisect_left(self._lasts, number)
        del self._firsts[:index], self._lasts[:index]
        if self._firsts:
            self._firsts[0] = max(self._firsts[0], number)

    def meets(self, first: int, last: int) -> bool:
        """Whether any number from `first` to `last` is there."""
        index = bisect_left(self._lasts, first)
        return index < len(self._firsts) and self._firsts[index] <= last

    def ranges(self) -> list[tuple[int, int]]:
        """First and last of every stretch without a gap, ascending."""
        return list(zip(self._firsts, self._lasts, strict=True))

    def coarse(self, most: int) -> list[tuple[int, int]]:
        """At most so many ranges that hold every number, and as few others as that takes."""
        ranges = self.ranges()
        while len(ranges) > most:
            index = min(range(1, len(ranges)), key=lambda index: ranges[index][0] - ranges[index - 1][1])
            ranges[index - 1 : index + 1] = [(ranges[index - 1][0], ranges[index][1])]
        return ranges

    def last(self) -> int:
        """The largest number; -1 when there is none."""
        return self._lasts[-1] if self._lasts else -1

    def run_end(self, number: int) -> int:
        """The last of the numbers that follow `number` without a gap; `number - 1` when it is not in the set."""
        return self._lasts[bisect_right(self._firsts, number) - 1] if number in self else number - 1

    def gaps(self, below: int) -> list[tuple[int, int]]:
        """First and last of every stretch from 0 up to `below`, not included, that is missing, ascending."""
        ends = [-1, *self._lasts]
        starts = [*self._firsts, below]
        return [
            (end + 1, min(start, below) - 1)
            for end, start in zip(ends, starts, strict=True)
            if end + 1 <= min(start, below) - 1
        ]
