"""Copy a bundle to a board and restart it, with mpremote.

    python -m firmware.host.deploy [--port PORT] --bundle DIR

Files that the board already has are not written again. What else the board holds, its spool above all, stays; only a
`.py` that the bundle has compiled goes, because MicroPython would take it before the `.mpy` of the same name.
Exit code 2: the port, the board or the bundle is not there.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from firmware.host.command import in_one_line
from firmware.host.ports import choose, usb_ports
from ingest.settings_file import SettingsError

_TIMEOUT = 180


def copy(port: str, folder: Path, *, restart: bool = False, progress: bool = False) -> None:
    """Copy what is in the folder to the board's root. Raises SettingsError.

    With `progress` mpremote shows it on our output.
    """
    mpremote = [sys.executable, "-m", "mpremote", "connect", port]
    entries = [str(path) for path in sorted(folder.iterdir())]
    command = [*mpremote, "exec", _without_sources(folder), "+", "fs", "cp", "-r", *entries, ":"]
    try:
        subprocess.run(
            [*command, "+", "reset"] if restart else command,
            stdout=None if progress else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=_TIMEOUT,
            check=True,
        )
    except subprocess.TimeoutExpired:
        hint = "unplug it, plug it in and run this again"
        raise SettingsError(f"{port}: the board did not finish in {_TIMEOUT} s; {hint}") from None
    except subprocess.CalledProcessError as error:
        reason = ((error.stderr + (error.stdout or "")).strip().splitlines() or ["mpremote failed"])[-1]
        reason = reason.split("Error: ")[-1].removeprefix("mpremote: ")
        raise SettingsError(f"{port}: {reason}; check cable and port, and that nothing else uses it") from None


def _without_sources(folder: Path) -> str:
    """A program for the board that removes the sources of what the folder has compiled."""
    sources = [f"{path.relative_to(folder).with_suffix('.py')}" for path in sorted(folder.rglob("*.mpy"))]
    return f"import os\nfor name in {sources!r}:\n try:\n  os.remove(name)\n except OSError: pass"


@in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line."""
    parser = argparse.ArgumentParser(prog="python -m firmware.host.deploy", description="Copy a bundle to a board.")
    parser.add_argument("--port", default="", help="serial port of the board; the only one there is, if left out")
    parser.add_argument("--bundle", required=True, type=Path, metavar="DIR", help="what firmware.host.bundle made")
    options = parser.parse_args(arguments)
    if not (options.bundle / "unit.json").is_file():
        raise SettingsError(f"{options.bundle}: no bundle; make one with python -m firmware.host.bundle")
    port = choose(options.port, usb_ports())
    copy(port, options.bundle, restart=True)
    print(f"{port}: {options.bundle} is on the board, and the board restarts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
