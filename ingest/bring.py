"""Carried packages into the database, one after the other, each checked before anything of it is sent.

Promised: a damaged package, or a line that the database refuses, is named and counted, and stops no other; a package
that is all written is remembered, per database, so an import that broke off goes on where it ended. Writing a line
again, or one that the link has brought, makes the same point.
Not promised: that a package which broke off is not sent again from its start.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingest.answer import Verdict
from ingest.carried import DamagedError, packages, read_lines, read_slip
from ingest.database import DatabaseSettings, Influxdb1Settings
from ingest.settings_file import SettingsError
from ingest.writer import Writer

REQUEST_LINES = 5000
TRIES = 6
"""Of a request that gets no good answer, 1 to 16 s apart: half a minute in all, then a person is told."""

REFUSALS_TOLD = 10


class StopError(Exception):
    """The database takes nothing now; the text is one line with the way out."""


@dataclass(slots=True)
class Imported:
    """`lines` and `packages` are those written now, `refused` counts lines that the database will not take."""

    packages: int = 0
    lines: int = 0
    done_before: int = 0
    damaged: int = 0
    refused: int = 0


class Bringer:
    """One run into one database."""

    def __init__(
        self,
        writer: Writer,
        database: DatabaseSettings,
        memory: Path,
        tell: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`memory` is the file that remembers what is written, one package a line, by SHA-256 and database."""
        self._writer = writer
        self._target = _target(database)
        self._memory = memory
        self._tell = tell
        self._sleep = sleep
        self._imported = Imported()

    def bring(self, path: Path) -> Imported:
        """A package, or all of a folder. Raises StopError; SettingsError for a path or a memory file that is no use."""
        found = packages(path) if path.is_dir() else [path]
        if not found or (not path.is_dir() and not path.name.endswith(".lp.gz")):
            raise SettingsError(f"{path}: no package readings-….lp.gz there; give one, or the folder of an export")
        done = self._remembered()
        for package in found:
            try:
                slip = read_slip(package)
                if f"{slip.sha256} {self._target}" in done:
                    self._imported.done_before += 1
                    continue
                lines = read_lines(package, slip)
            except DamagedError as error:
                self._damaged(package, str(error))
                continue
            except OSError as error:
                self._damaged(package, f"cannot be read: {error.strerror}")
                continue
            for start in range(0, len(lines), REQUEST_LINES):
                self._write(package, lines[start : start + REQUEST_LINES])
            self._remember(f"{slip.sha256} {self._target}")
            self._imported.packages += 1
        return self._imported

    def _damaged(self, package: Path, reason: str) -> None:
        self._imported.damaged += 1
        self._tell(f"{package}: damaged, nothing of it was sent: {reason}; copy or export it again")

    def _write(self, package: Path, lines: list[str]) -> None:
        """Writes what the database takes of the lines; only a line alone is refused."""
        for wait in range(TRIES):
            answer = self._writer.write(lines)
            match answer.verdict:
                case Verdict.WRITTEN:
                    self._imported.lines += len(lines)
                    return
                case Verdict.UNAUTHORIZED:
                    raise SettingsError(f"database: {answer.reason}; mend [database], then run the same command again")
                case Verdict.REFUSED | Verdict.TOO_LARGE if len(lines) > 1:
                    middle = len(lines) // 2
                    self._write(package, lines[:middle])
                    self._write(package, lines[middle:])
                    return
                case Verdict.REFUSED:
                    self._refused(package, answer.reason)
                    return
            if wait < TRIES - 1:
                self._sleep(max(2.0**wait, answer.retry_after or 0.0))
        raise StopError(f"database: {answer.reason}; run the same command again, it goes on where it ended")

    def _refused(self, package: Path, reason: str) -> None:
        self._imported.refused += 1
        if self._imported.refused <= REFUSALS_TOLD:
            self._tell(f"{package}: a reading was refused: {reason}")

    def _remembered(self) -> set[str]:
        try:
            return set(self._memory.read_text("utf-8").splitlines())
        except FileNotFoundError:
            return set()
        except (OSError, UnicodeDecodeError):
            raise SettingsError(f"{self._memory}: cannot be read; remove it, and all is imported once more") from None

    def _remember(self, line: str) -> None:
        try:
            with self._memory.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SettingsError(f"{self._memory}: {error.strerror}; see that it can be written") from None


def _target(database: DatabaseSettings) -> str:
    if isinstance(database, Influxdb1Settings):
        return f"{database.url} {database.database}"
    return f"{database.url} {database.org} {database.bucket}"
