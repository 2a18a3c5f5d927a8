"""What a set-up found and what it changed, told while it happens."""

from collections.abc import Callable


class Report:
    """With `check` nothing is changed, only told."""

    def __init__(self, tell: Callable[[str], None], *, check: bool) -> None:
        self.check = check
        self.changes = 0
        self._tell = tell

    def found(self, what: str) -> None:
        """It is as it should be, or has to be known."""
        self._tell(f"found    {what}")

    def change(self, what: str, act: Callable[[], object]) -> None:
        """Does it, and says so; what `act` raises says that it was not done."""
        if not self.check:
            act()
        self.changes += 1
        self._tell(f"{'to do' if self.check else 'changed':<8} {what}")

    def warn(self, what: str) -> None:
        """Only a person can change it."""
        self._tell(f"warning  {what}")

    def end(self) -> None:
        """The sum of it."""
        many = {0: "nothing", 1: "one thing"}.get(self.changes, f"{self.changes} things")
        self._tell(f"{many} to change" if self.check else f"{many} changed")
