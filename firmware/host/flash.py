"""Make a board of a unit: MicroPython, the firmware, the unit's settings, a self-test, a label.

    python -m firmware.host.flash --kit DIR [--port PORT] [--unit UNIT] [--force]

UNIT is a settings file like firmware/unit.example.toml, or the name of one in units/. A board that has settings keeps
them when it is left out. A file system that is on the board stays, with its readings: only --force erases it. Run it
again after whatever interrupted it; each step begins from what it finds.
Exit code 2: something is missing or wrong; one line says what, and the way out.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from firmware.host import chip, deploy, kit, ports, repl, selftest, unit_settings
from firmware.host.label import Label
from firmware.host.units import settings_file
from ingest.settings_file import SettingsError

_SETTINGS = "unit.json"
_FIRST_START = 60
"""Seconds; a bare board makes its file system first."""


def flash(port: str, used: kit.Kit, settings: bytes | None, *, force: bool) -> Label:
    """Raises SettingsError."""
    with chip.connected(port) as found:
        region = used.file_system
        if not found.fits(region):
            raise SettingsError(f"{port}: less than 4 MB of flash; take an ESP32 board with 4 MB")
        keep = found.has_files(region) and not force
        if settings is None and not keep:
            raise SettingsError(f"{port}: the board holds no settings; name its unit with UNIT=…")
        print(f"{port}: chip {found.mac}; {'its readings and settings stay' if keep else 'all of its flash is erased'}")
        found.write(used.image, region if keep else None)
    try:
        with repl.opened(port, _FIRST_START) as board:
            board.run("import os\nos.listdir()")
    except repl.NoBoardError as error:
        hint = "; if that does not help, FORCE=yes erases its file system too, with the readings in it" if keep else ""
        raise SettingsError(f"{error}; unplug it, plug it in and run this again{hint}") from None
    deploy.copy(port, used.board, progress=True)
    with repl.opened(port, _FIRST_START) as board:
        if settings is not None:
            board.write(_SETTINGS, settings)
        unit, waiting = selftest.check(board, used.files)
        print(f"self-test passed; {waiting} bytes of readings wait in its flash for the gateway")
        board.reset()
    return Label(unit, found.mac, used.firmware, used.micropython, datetime.now(UTC).date())


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line."""
    parser = argparse.ArgumentParser(prog="python -m firmware.host.flash", description="Make a board of a unit.")
    parser.add_argument("--kit", required=True, type=Path, metavar="DIR", help="what firmware.host.kit made")
    parser.add_argument("--port", default="", help="serial port of the board; the only one there is, if left out")
    parser.add_argument("--unit", default="", help="the unit's settings: a TOML file, or its name in units/")
    parser.add_argument("--force", action="store_true", help="erase the file system too, with the readings in it")
    parser.add_argument("--label", type=Path, default=Path("build/labels"), metavar="DIR", help="folder for the label")
    options = parser.parse_args(arguments)
    try:
        used = kit.open_kit(options.kit)
        print(f"{options.kit}: firmware {used.firmware}, MicroPython {used.micropython}, all checksums right")
        settings = (
            json.dumps(unit_settings.read(settings_file(options.unit)), indent=1).encode() if options.unit else None
        )
        label = flash(ports.choose(options.port, ports.usb_ports()), used, settings, force=options.force)
        drawing = options.label / f"{label.unit}.svg"
        drawing.parent.mkdir(parents=True, exist_ok=True)
        drawing.write_text(label.svg(), "utf-8")
    except (SettingsError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{label.text()}\nto print: {drawing}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
