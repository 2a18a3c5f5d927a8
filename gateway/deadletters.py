"""Dead letters: what could not be taken in or written, set aside with its reason for a person to look at.

Promised: setting aside blocks nothing, the count goes on over restarts, and a file that is damaged or cannot be read
stops no start. Not promised: that all are kept; the disk they take is bounded, and the oldest go first.
"""

import json
import logging
import re
import threading

from gateway import framelog
from gateway.disk import Disk

PAYLOAD_KEPT = 4096
FILE_BYTES = 256 * 1024
FILES_KEPT = 4

_NAME = re.compile(r"dead-letters-(\d{8})\.frames")

log = logging.getLogger(__name__)


class DeadLetters:
    """`count` is the number of letters ever set aside here. Safe to use from several threads."""

    def __init__(self, disk: Disk) -> None:
        """Continue what is there. Raises OSError when the folder cannot be listed."""
        self.count = 0
        self._disk = disk
        self._lock = threading.Lock()
        self._files = [name for name in disk.names() if _NAME.fullmatch(name)]
        self._size = FILE_BYTES
        unreadable: dict[str, str] = {}
        for name in self._files:
            try:
                data = disk.read(name)
            except OSError as error:
                unreadable[name] = f"dead letters cannot be read: {error.strerror}"
                self._size = FILE_BYTES
                continue
            frames, damaged = framelog.scan(data)
            self._size = FILE_BYTES if damaged else len(data)
            self.count = max([self.count, *(frame.number for frame in frames)])
        for name, reason in unreadable.items():
            log.warning("%s: %s", name, reason)
            self.add(reason, name, b"")

    def add(self, reason: str, source: str, payload: bytes) -> bool:
        """Set one aside: why, from where (a topic, or `database`), and its first 4 KiB. Whether it is on disk."""
        with self._lock:
            return self._add(reason, source, payload)

    def _add(self, reason: str, source: str, payload: bytes) -> bool:
        self.count += 1
        letter = {
            "reason": reason,
            "source": source,
            "payload": payload[:PAYLOAD_KEPT].decode("utf-8", "backslashreplace"),
            "bytes": len(payload),
        }
        data = framelog.encode(self.count, json.dumps(letter).encode())
        try:
            self._make_room()
            self._disk.append(self._files[-1], data)
            self._disk.sync(self._files[-1])
        except OSError as error:
            log.warning("dead letter %d could not be kept (%s): %s: %s", self.count, error.strerror, source, reason)
            self._size = FILE_BYTES
            return False
        self._size += len(data)
        return True

    def _make_room(self) -> None:
        if self._size < FILE_BYTES:
            return
        if self._files:
            self._disk.release(self._files[-1])
        last = int(self._files[-1][len("dead-letters-") : -len(".frames")]) if self._files else 0
        self._files.append(f"dead-letters-{last + 1:08d}.frames")
        self._size = 0
        while len(self._files) > FILES_KEPT:
            self._disk.remove(self._files.pop(0))
