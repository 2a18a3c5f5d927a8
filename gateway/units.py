"""The latest of every unit and device, for the page. In memory only; the journal fills it again at the start."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.message import ReadingMessage, StatusMessage
from gateway.removed import BOARD, is_removed
from ingest.reading import Reading, Value


@dataclass(frozen=True, slots=True)
class Latest:
    """A device's latest reading, and when it was taken in the gateway's boottime, ms; None when that cannot be told:
    the gateway or the board has started again since. `earlier` are the signals that it lacks and an earlier one had,
    each with when that was taken.
    """

    reading: Reading
    taken: int | None
    earlier: Mapping[str, tuple[Value, int | None]] = field(default_factory=dict)


@dataclass(slots=True)
class Unit:
    """`online` is None until the broker has said. `acknowledged` is the boottime in ms of the last acknowledgement."""

    online: bool | None = None
    firmware: str | None = None
    acknowledged: int | None = None
    devices: dict[str, Latest] = field(default_factory=dict)


class Units:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._units: dict[str, Unit] = {}
        self._boards: dict[str, Reading] = {}
        self._lock = threading.Lock()

    def heard(self, message: ReadingMessage, received: int | None) -> None:
        """A reading; an older one than is known changes nothing. `received` is None if in another kernel boot.

        What the bus counts of a device, or a loss, says nothing of what the device measures, so it is not its latest.
        A device that the unit no longer names is dropped.
        """
        reading = message.reading
        if reading.measurement == "loss" or (reading.measurement == "unit" and reading.device != BOARD):
            return
        taken = None if received is None or message.sent is None else received - (message.sent - reading.up)
        with self._lock:
            devices = self._units.setdefault(reading.unit, Unit()).devices
            known = devices.get(reading.device)
            if known is None or known.taken is None or (taken is not None and taken >= known.taken):
                devices[reading.device] = Latest(reading, taken, _earlier(known, reading))
                if reading.device == BOARD:
                    self._drop_removed(devices, reading)

    def _drop_removed(self, devices: dict[str, Latest], board: Reading) -> None:
        first = self._boards.setdefault(board.unit, board)
        if first.boot != board.boot:
            first = self._boards[board.unit] = board
        for name in [name for name, latest in devices.items() if is_removed(latest.reading, first, board)]:
            del devices[name]

    def status(self, message: StatusMessage) -> None:
        """The unit's own word, or its last will."""
        with self._lock:
            unit = self._units.setdefault(message.unit, Unit())
            unit.online = message.online
            unit.firmware = message.firmware or unit.firmware

    def acknowledged(self, unit: str, now: int) -> None:
        """Readings of that unit are on disk and were acknowledged at boottime `now`."""
        with self._lock:
            self._units.setdefault(unit, Unit()).acknowledged = now

    def snapshot(self) -> dict[str, Unit]:
        """All units by name, as they are now."""
        with self._lock:
            return {
                name: Unit(unit.online, unit.firmware, unit.acknowledged, dict(unit.devices))
                for name, unit in sorted(self._units.items())
            }


def _earlier(known: Latest | None, reading: Reading) -> dict[str, tuple[Value, int | None]]:
    if known is None or known.reading.measurement != reading.measurement:
        return {}
    before = {**known.earlier, **{name: (value, known.taken) for name, value in known.reading.signals.items()}}
    return {name: before[name] for name in before if name not in reading.signals}
