"""What the link is seen to carry: how much goes into one request, and how long its answer is waited for.

Promised: after an outage the first request is small, so that a thin link brings the newest readings over within
seconds; from there on requests grow while they are carried fast, and shrink while they are not.
"""

TARGET_SECONDS = 1.5
"""For one request. Longer ones would keep an event waiting, shorter ones spend their time on the way there and back."""

SMALLEST, START, LARGEST = 2_000, 8_000, 500_000
"""Bytes of lines, before they are packed to about a tenth. A larger request is hardly faster, and has to be held."""

SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 5.0, 30.0


class Link:
    """`batch` in bytes of lines, `timeout` in seconds."""

    def __init__(self) -> None:
        self.batch = START
        self.timeout = SHORTEST_TIMEOUT
        self._largest = LARGEST

    @property
    def is_fast(self) -> bool:
        """Whether it carries the largest request in time: then packing it takes longer than carrying it."""
        return self.batch == self._largest

    def carried(self, size: int, seconds: float) -> None:
        """A request with so many bytes of lines was answered well after so long."""
        self.timeout = min(LONGEST_TIMEOUT, max(SHORTEST_TIMEOUT, 4 * seconds))
        if seconds > TARGET_SECONDS:
            self._resize(size * max(0.5, TARGET_SECONDS / seconds))
        elif 2 * size >= self.batch:  # a small request does not show what the link could carry
            self._resize(self.batch * min(2.0, TARGET_SECONDS / max(seconds, 0.001)))

    def slow_answer(self) -> None:
        """A request got no answer in time although the database is there."""
        self.timeout = min(LONGEST_TIMEOUT, 2 * self.timeout)

    def troubled(self, size: int) -> None:
        """The database had trouble with a request of so many bytes of lines."""
        self._resize(min(self.batch, size / 2))

    def too_large(self, size: int) -> None:
        """So many bytes of lines were too many, and will be."""
        self._largest = max(SMALLEST, size // 2)
        self._resize(self.batch)

    def lost(self, size: int) -> None:
        """The link broke, perhaps under a request of so many bytes of lines."""
        self.timeout = SHORTEST_TIMEOUT
        self._resize(min(START, size / 2) if size else START)

    def _resize(self, size: float) -> None:
        self.batch = round(min(self._largest, max(SMALLEST, size)))
