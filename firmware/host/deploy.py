"""Copy a bundle to a board and restart it, with mpremote.

    python -m firmware.host.deploy --port PORT --bundle DIR

Files that the board already has are not written again. What else the board holds, its spool above all, stays; only a
`.py` that the bundle has compiled goes, because MicroPython would take it before the `.mpy` of the same name.
Exit code 2: the port, the board or the bundle is not there.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_TIMEOUT = 180


def deploy(port: str, bundle: Path) -> str | None:
    """What went wrong, in one line; None when the board has the bundle and starts anew."""
    if not port:
        return "--port: ''; name the board's port: make deploy PORT=/dev/ttyUSB0"
    if not (bundle / "unit.json").is_file():
        return f"{bundle}: no bundle; make one with python -m firmware.host.bundle"
    mpremote = [sys.executable, "-m", "mpremote", "connect", port]
    entries = [str(path) for path in sorted(bundle.iterdir())]
    try:
        subprocess.run(
            [*mpremote, "exec", _without_sources(bundle), "+", "fs", "cp", "-r", *entries, ":", "+", "reset"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return f"{port}: the board did not finish in {_TIMEOUT} s; unplug it, plug it in and run this again"
    except subprocess.CalledProcessError as error:
        reason = ((error.stderr + error.stdout).strip().splitlines() or ["mpremote failed"])[-1]
        reason = reason.split("Error: ")[-1].removeprefix("mpremote: ")
        return f"{port}: {reason}; check cable and port, and that nothing else uses it"
    return None


def _without_sources(bundle: Path) -> str:
    """A program for the board that removes the sources of what the bundle has compiled."""
    sources = [f"{path.relative_to(bundle).with_suffix('.py')}" for path in sorted(bundle.rglob("*.mpy"))]
    return f"import os\nfor name in {sources!r}:\n try:\n  os.remove(name)\n except OSError: pass"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line."""
    parser = argparse.ArgumentParser(prog="python -m firmware.host.deploy", description="Copy a bundle to a board.")
    parser.add_argument("--port", required=True, help="serial port of the board, such as /dev/ttyUSB0")
    parser.add_argument("--bundle", required=True, type=Path, metavar="DIR", help="what firmware.host.bundle made")
    options = parser.parse_args(arguments)
    problem = deploy(options.port, options.bundle)
    if problem:
        print(problem, file=sys.stderr)
        return 2
    print(f"{options.port}: {options.bundle} is on the board, and the board restarts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
