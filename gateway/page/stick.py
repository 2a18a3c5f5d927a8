"""The export from the page: onto the stick that is mounted where `page.export_folder` says, in a thread of its own."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.export import Exported
from ingest.settings_file import SettingsError


def refuse_the_card(folder: Path, journal: Path) -> None:
    """Without a stick the folder would be on the card itself, which it would fill. Raises SettingsError then."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if there.stat().st_dev == journal.stat().st_dev:
        raise SettingsError(f"{folder}: no stick is mounted there; plug one in, and mount it")


class Stick:
    """One export at a time. `write` raises SettingsError or OSError when it cannot go on."""

    def __init__(self, write: Callable[[], Exported]) -> None:
        self._write = write
        self._thread: threading.Thread | None = None
        self._exported: Exported | None = None
        self._error: str | None = None

    def begin(self) -> bool:
        """False while one runs."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._thread = threading.Thread(target=self._run, name="export", daemon=True)
        self._thread.start()
        return True

    def state(self) -> dict[str, Any]:
        """How the last one goes, or went; `readings` is None before the first one has ended well."""
        exported = self._exported
        return {
            "running": self._thread is not None and self._thread.is_alive(),
            "error": self._error,
            "readings": None if exported is None else exported.readings,
            "there_before": None if exported is None else exported.there_before,
            "without_time": None if exported is None else exported.without_time,
        }

    def _run(self) -> None:
        self._exported = self._error = None
        try:
            self._exported = self._write()
        except SettingsError as error:
            self._error = str(error)
        except OSError as error:
            self._error = error.strerror or str(error)
