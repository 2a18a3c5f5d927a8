"""The PIN before the page's few actions.

Promised: from the third wrong PIN on each one makes everyone wait longer, up to five minutes, so that guessing six
digits takes years; comparing takes as long for a wrong PIN as for the right one. The price: who guesses keeps others
waiting too, and then `python -m gateway.export` is the way.
Not promised: secrecy, for the village's Wi-Fi carries it as it is typed.
"""

import hmac
import logging
from collections.abc import Callable

FREE_TRIES = 3
LONGEST_WAIT_MS = 300_000

log = logging.getLogger(__name__)


class Pin:
    """`boottime` is in ms. Not for several threads."""

    def __init__(self, secret: str, boottime: Callable[[], int]) -> None:
        self._secret = secret.encode()
        self._boottime = boottime
        self._wrong = 0
        self._not_before = 0

    def wait_seconds(self) -> float:
        """Until the next try is heard at all, 0 when it is heard now."""
        return max(0, self._not_before - self._boottime()) / 1000

    def fits(self, given: str) -> bool:
        """Whether it is the PIN. False while there is a time to wait, whatever is given."""
        if self.wait_seconds():
            return False
        if hmac.compare_digest(given.encode(), self._secret):
            self._wrong = 0
            return True
        self._wrong += 1
        if self._wrong >= FREE_TRIES:
            wait = min(LONGEST_WAIT_MS, 2000 << min(self._wrong - FREE_TRIES, 20))
            self._not_before = self._boottime() + wait
            log.warning("page: %d wrong PINs in a row; the next is heard in %d s", self._wrong, wait // 1000)
        return False
