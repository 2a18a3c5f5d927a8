"""`python -m gateway.export DIR --settings FILE`: what the database has not acknowledged, onto a USB stick.

The lines are those that the link would bring, with the same times, so whatever comes twice overwrites itself. A reading
without a time stays out; the gateway dates it when it knows the time, and then it is in the next export or on the link.
Promised: the journal is only read, and may be written meanwhile; a stick that is pulled holds whole packages and at
most one that has no slip; the same command goes on where it ended, and adds what has come since.
Not promised: a bound on the stick's space, nor that events and roll-ups are carried once only: they have no number.
Exit code 2 for what a person has to mend.
"""

import argparse
import gzip
import hashlib
import io
import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.deadletters import DeadLetters
from gateway.disk import FolderDisk, FolderInUseError, ReadOnlyDisk
from gateway.entry import Entry, StoredFrame
from gateway.intervals import IntervalSet
from gateway.journal import Journal
from gateway.ledger import Key
from gateway.lines import LineMaker
from gateway.settings import Settings, load
from ingest.carried import DamagedError, Slip, packages, read_slip, slip_path
from ingest.settings_file import SettingsError

PACKAGE_READINGS = 20_000
"""About 1 MB on the stick: what a pulled stick costs at most, and what the export holds in memory."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Exported:
    """What one export did, in readings; `packages` are those that were finished now."""

    packages: int = 0
    readings: int = 0
    there_before: int = 0
    without_time: int = 0

    def count(self, readings: int) -> None:
        """One more package is on the stick."""
        self.packages += 1
        self.readings += readings


class _Package:
    """One package while it is filled."""

    def __init__(self, site: str) -> None:
        self.lines = 0
        self._site = site
        self._packed = io.BytesIO()
        self._packer = gzip.GzipFile(fileobj=self._packed, mode="wb", mtime=0)
        self._readings: dict[Key, IntervalSet] = {}
        self._first = self._last = 0

    def add(self, entry: Entry, time_ms: int, line: str) -> None:
        self._first = min(self._first, time_ms) if self.lines else time_ms
        self._last = max(self._last, time_ms)
        self.lines += 1
        if not entry.computed:
            self._readings.setdefault(entry.key, IntervalSet()).add(entry.reading.seq)
        self._packer.write(f"{line}\n".encode())

    def finish(self, stick: FolderDisk, number: int) -> None:
        """The slip comes last: what it names is on the stick then."""
        self._packer.close()
        data = self._packed.getvalue()
        name = f"readings-{number:05d}.lp.gz"
        slip = Slip(
            file=name,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            lines=self.lines,
            first=self._first,
            last=self._last,
            site=self._site,
            readings=[(*key, seqs.ranges()) for key, seqs in self._readings.items()],
        )
        stick.replace(name, data)
        stick.replace(slip_path(Path(name)).name, slip.text().encode())


def export(folder: Path, site: str, frames: Iterable[StoredFrame], lines: LineMaker, since_ms: int = 0) -> Exported:
    """Writes the frames' readings of `since_ms` (UTC) or later into the folder. Raises OSError when the stick is full
    or away: what was finished stays good. Raises SettingsError when the folder carries another site's readings.
    """
    stick = _take(folder)
    try:
        carried, number = _carried(folder, site)
        exported = Exported()
        package = _Package(site)
        for entry in (entry for frame in frames for entry in frame.entries):
            reading, seqs = entry.reading, carried.setdefault(entry.key, IntervalSet())
            if entry.dated is None and not lines.datable(entry.key, reading.up):
                exported.without_time += 1
                continue
            if reading.seq in seqs and not entry.computed:
                exported.there_before += 1
                continue
            line = lines.line(entry)
            time_ms = 0 if line is None else int(line.rsplit(" ", 1)[1])
            if line is None or time_ms < since_ms:
                continue
            if not entry.computed:
                seqs.add(reading.seq)
            package.add(entry, time_ms, line)
            if package.lines == PACKAGE_READINGS:
                package.finish(stick, number + exported.packages)
                exported.count(package.lines)
                package = _Package(site)
        if package.lines:
            package.finish(stick, number + exported.packages)
            exported.count(package.lines)
        return exported
    finally:
        stick.close()


def _take(folder: Path) -> FolderDisk:
    try:
        return FolderDisk(folder)
    except FolderInUseError:
        raise SettingsError(f"{folder}: another export runs into it; wait for that one") from None


def _carried(folder: Path, site: str) -> tuple[dict[Key, IntervalSet], int]:
    """Which readings the folder carries already, and the number of its next package."""
    carried: dict[Key, IntervalSet] = {}
    number = 1
    for package in packages(folder):
        if not slip_path(package).exists():
            package.unlink()  # an export that ended before the slip; its readings come again
            continue
        number = int(package.name.removeprefix("readings-").removesuffix(".lp.gz")) + 1
        try:
            slip = read_slip(package)
        except DamagedError as error:
            log.warning("%s: damaged, so its readings come again: %s", package, error)
            continue
        if slip.site != site:
            raise SettingsError(f"{folder}: carries readings of site {slip.site!r}, not {site!r}; give another folder")
        for unit, boot, ranges in slip.readings:
            for first, last in ranges:
                carried.setdefault((unit, boot), IntervalSet()).add(first, last)
    return carried, number


def _since(text: str) -> int:
    """UTC ms of a date or a time. Raises ValueError, as argparse wants it."""
    since = datetime.fromisoformat(text)
    return round((since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp() * 1000)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gateway.export", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where to, such as a folder on a USB stick")
    parser.add_argument("--settings", type=Path, required=True, help="the gateway's own settings")
    parser.add_argument(
        "--since", type=_since, metavar="DATE", help="all that is still here since that date (UTC), acknowledged or not"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        settings = load(arguments.settings)
        exported = _export(settings, arguments.folder, arguments.since)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        way_out = "the packages with a slip are whole; run the same command again, or with another stick"
        print(f"{arguments.folder}: {error.strerror}; {way_out}", file=sys.stderr)
        return 2
    print(
        f"{arguments.folder}: {exported.readings} readings in {exported.packages} new packages; "
        f"{exported.there_before} were there before, {exported.without_time} have no time yet and stay here"
    )
    return 0


def _export(settings: Settings, folder: Path, since_ms: int | None) -> Exported:
    try:
        disk = ReadOnlyDisk(settings.journal_folder)
    except OSError as error:
        told = f"journal.folder {settings.journal_folder}: {error.strerror}"
        raise SettingsError(f"{told}; run it as root or as the gateway's user") from None
    journal = Journal(disk)
    lines = LineMaker(settings.site, journal.origin, DeadLetters(disk))
    return export(folder, settings.site, journal.past.stored(forwarded=since_ms is not None), lines, since_ms or 0)


if __name__ == "__main__":
    sys.exit(main())
