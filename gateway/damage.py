"""Damaged files: their bytes put aside for a person to look at, under the file's name with `.damaged` behind it.

Promised: nothing here stops a start. Not promised: that all are kept; the first DAMAGED_FILES are, one of each name.
"""

import logging
from collections.abc import Iterable

from gateway.disk import Disk

DAMAGED_FILES = 16

log = logging.getLogger(__name__)


def copy_aside(disk: Disk, name: str, data: bytes, damaged: Iterable[tuple[int, int]]) -> None:
    """Keep a copy of these stretches `[start, end)` of the file's bytes."""
    pieces = [data[start:end] for start, end in damaged]
    log.warning("%s: %d damaged bytes stepped over", name, sum(map(len, pieces)))
    if copy := _free_name(disk, name):
        try:
            disk.replace(copy, b"".join(pieces))
        except OSError as error:
            log.warning("%s: the damaged bytes could not be copied aside (%s)", name, error.strerror)


def move_aside(disk: Disk, name: str, reason: str) -> None:
    """Give a file that cannot be read another name; its own is free then."""
    log.warning("%s: cannot be read (%s); it is begun anew", name, reason)
    if copy := _free_name(disk, name):
        try:
            disk.rename(name, copy)
        except OSError as error:
            log.warning("%s: could not be moved aside (%s)", name, error.strerror)


def _free_name(disk: Disk, name: str) -> str | None:
    copies = [other for other in disk.names() if other.endswith(".damaged")]
    copy = f"{name}.damaged"
    return copy if copy not in copies and len(copies) < DAMAGED_FILES else None
