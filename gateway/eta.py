"""When the backlog will be gone, by how it has shrunk of late."""

from collections import deque

WINDOW_MS = 300_000
APART_MS = 1_000


class Eta:
    """Looks back over `WINDOW_MS` at most. Whatever holds the backlog up is in it: link, database and byte budget."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque()

    def note(self, now: int, pending: int) -> None:
        """So many readings wait at boottime `now` in ms."""
        if self._seen and now - self._seen[-1][0] < APART_MS:
            return
        self._seen.append((now, pending))
        while now - self._seen[0][0] > WINDOW_MS:
            self._seen.popleft()

    def restart(self) -> None:
        """What was seen until now tells nothing any more: the link was away."""
        self._seen.clear()

    def seconds(self) -> float | None:
        """Until nothing waits, None while it is not seen to shrink."""
        if len(self._seen) < 2:
            return None
        (begin, before), (end, after) = self._seen[0], self._seen[-1]
        return None if after >= before else after * (end - begin) / 1000 / (before - after)
