"""Say once that something is away, and once that it is there."""

import logging


class Notice:
    """One thing that comes and goes; `trouble` is the reason why it is away, None while it is there."""

    def __init__(self, log: logging.Logger, thing: str, trouble: str | None = None) -> None:
        """`trouble` is what to say before anything is known."""
        self.trouble = trouble
        self._log = log
        self._thing = thing
        self._told = False

    def away(self, reason: str) -> None:
        """It is away; a new reason for the same absence is kept, not logged."""
        if not self._told:
            self._log.warning("%s: %s", self._thing, reason)
        self._told = True
        self.trouble = reason

    def back(self) -> None:
        """It is there."""
        if self.trouble is not None:
            self._log.info("%s: there", self._thing)
        self._told = False
        self.trouble = None
