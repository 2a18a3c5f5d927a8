"""Which serial port a command is meant for."""

from collections.abc import Sequence

from serial.tools import list_ports

from ingest.settings_file import SettingsError


def usb_ports() -> list[str]:
    """The serial ports of this computer that are plugged in; those that are soldered in are never a board's."""
    return sorted(port.device for port in list_ports.comports() if port.vid is not None)


def choose(given: str, found: Sequence[str]) -> str:
    """The port that was given, or else the only one that there is. Raises SettingsError."""
    if given:
        return given
    if not found:
        raise SettingsError("no board or adapter is plugged in; use a cable that carries data, or name it with PORT=…")
    if len(found) > 1:
        raise SettingsError(f"more than one port: {', '.join(found)}; name the one that is meant with PORT=…")
    return found[0]
