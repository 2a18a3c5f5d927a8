"""Make a board of a unit: MicroPython, the firmware, the unit's settings, a self-test, a label.

    python -m firmware.host.flash --kit DIR [--port PORT] [--unit UNIT] [--force]

UNIT is a settings file like firmware/unit.example.toml, or the name of one in units/. A board that has settings keeps
them when it is left out. A file system that is on the board stays, with its readings: only --force erases it.
Firmware that runs is stopped first, so that what it holds in RAM is among them; and a board does not become another
unit while readings of the old one wait. Run it again after whatever interrupted it: it begins from what it finds.
Exit code 2: something is missing or wrong; one line says what, and the way out.
"""

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firmware.host import chip, deploy, kit, ports, repl, selftest, units
from firmware.host.command import in_one_line
from firmware.host.label import Label
from ingest.settings_file import SettingsError

_SETTINGS = "unit.json"
_FIRST_START = 60
"""Seconds; a bare board makes its file system first."""
_STOPS = 5
"""Seconds; what does not answer by then runs no firmware of ours."""
_OWNER = """
import json
from spool import Spool
waiting = Spool("readings", "", 1 << 20).readings()
with open("unit.json") as file:
    print(json.dumps([json.load(file)["unit"], waiting]))
"""
_FORGET = """
import os
for name in os.listdir("readings"):
    os.remove("readings/" + name)
"""


def flash(port: str, used: kit.Kit, settings: dict[str, Any] | None, *, force: bool) -> Label:
    """Raises SettingsError."""
    unit_before = None if force else _stopped(port, settings["unit"] if settings else None)
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
        try:
            if settings is not None:
                if unit_before is None:
                    _refuse_to_rename(port, board, settings["unit"])
                elif unit_before != settings["unit"]:
                    board.run(_FORGET)  # what it measured after each restart since it was stopped with none waiting
                board.write(_SETTINGS, json.dumps(settings, indent=1).encode())
            unit, waiting = selftest.check(board, used.files)
        finally:
            board.reset()
        print(f"self-test passed; {waiting} readings wait in its flash for the gateway")
    return Label(unit, found.mac, used.firmware, used.micropython, datetime.now(UTC).date())


def _stopped(port: str, unit: str | None) -> str | None:
    """Stop the firmware, which writes its spool to flash; the unit that it was, None where that cannot be told.

    Raises SettingsError, and lets it run on, as `_refuse_to_rename` does.
    """
    with contextlib.suppress(repl.NoBoardError), repl.opened(port, _STOPS) as board:
        print(f"{port}: its firmware is stopped, so that no reading is in RAM only")
        try:
            return _refuse_to_rename(port, board, unit)
        except SettingsError:
            board.reset()
            raise
    return None


def _refuse_to_rename(port: str, board: repl.Repl, unit: str | None) -> str | None:
    """The unit that the board is by now, None where that cannot be told.

    Raises SettingsError where readings wait that the board would send in the name of another `unit`.
    """
    try:
        owner, waiting = json.loads(board.run(_OWNER).splitlines()[-1])
    except repl.FailedError:  # no settings, or damaged ones: nobody knows better than who gives new ones
        return None
    if unit not in (None, owner) and waiting:
        raise SettingsError(
            f"{port}: this is {owner}, and {waiting} readings of it wait, which would be sent as those of {unit}; "
            f"let {owner} run until its gateway has them, or give them up with FORCE=yes"
        )
    return str(owner)


@in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line."""
    parser = argparse.ArgumentParser(prog="python -m firmware.host.flash", description="Make a board of a unit.")
    parser.add_argument("--kit", required=True, type=Path, metavar="DIR", help="what firmware.host.kit made")
    parser.add_argument("--port", default="", help="serial port of the board; the only one there is, if left out")
    parser.add_argument("--unit", default="", help="the unit's settings: a TOML file, or its name in units/")
    parser.add_argument("--force", action="store_true", help="erase the file system too, with the readings in it")
    parser.add_argument("--label", type=Path, default=Path("build/labels"), metavar="DIR", help="folder for the label")
    options = parser.parse_args(arguments)
    used = kit.open_kit(options.kit)
    print(f"{options.kit}: firmware {used.firmware}, MicroPython {used.micropython}, all checksums right")
    settings = units.settings(options.unit) if options.unit else None
    label = flash(ports.choose(options.port, ports.usb_ports()), used, settings, force=options.force)
    drawing = options.label / f"{label.unit}.svg"
    drawing.parent.mkdir(parents=True, exist_ok=True)
    drawing.write_text(label.svg(), "utf-8")
    print(f"{label.text()}\nto print: {drawing}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
