"""Say once that something is away, and once that it is back."""

import logging


class Notice:
    """One thing that comes and goes; `trouble` is the reason why it is away, None while it is there."""

    def __init__(self, log: logging.Logger, thing: str) -> None:
        self._log = log
        self._thing = thing
        self.trouble: str | None = None

    def away(self, reason: str) -> None:
        """It is away; a new reason for the same absence is kept, not logged."""
        if self.trouble is None:
            self._log.warning("%s: %s", self._thing, reason)
        self.trouble = reason

    def back(self) -> None:
        """It is there."""
        if self.trouble is not None:
            self._log.info("%s: back", self._thing)
        self.trouble = None
