"""Which serial port a command is meant for."""

import os
from collections.abc import Mapping

from serial.tools import list_ports

from ingest.settings_file import SettingsError


def usb_ports() -> dict[str, str]:
    """The serial ports that are plugged in, by name what each says it is; a soldered one is never a board's."""
    return {port.device: port.description for port in sorted(list_ports.comports()) if port.vid is not None}


def unusable(port: str, error: OSError) -> SettingsError:
    """The line for a port that cannot be opened or stopped answering; pyserial's own text names the port twice."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return SettingsError(f"{port}: {reason}; check cable and port, and that nothing else uses it")


def choose(given: str, found: Mapping[str, str]) -> str:
    """The port that was given, or else the only one that there is. Raises SettingsError."""
    if given:
        return given
    if not found:
        raise SettingsError("no board or adapter is plugged in; use a cable that carries data, or name it with PORT=…")
    if len(found) > 1:
        listed = ", ".join(f"{port} ({description})" for port, description in found.items())
        raise SettingsError(f"more than one port: {listed}; name the one that is meant with PORT=…")
    return next(iter(found))
