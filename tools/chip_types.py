"""Check the board's code against the type stubs of MicroPython's ESP32 port.

    python -m tools.chip_types [FILE...]

Without a FILE it checks all of firmware/board. The stubs take the place of typeshed, so a call that only CPython has is
an error too, where the stubs know it (docs/first-board.md says where they do not). They are installed into a folder of
their own below build/: in the virtual environment their `requests` would pass for the real one, and break what looks
for that. Exit code 1 with mypy's complaints, 2 when the stubs cannot be had.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ingest.settings_file import SettingsError

ROOT = Path(__file__).parent.parent
BOARD = ROOT / "firmware" / "board"
LOCK = ROOT / "tools" / "esp32-stubs.lock"


@cache
def stubs(lock: Path = LOCK, build: Path = ROOT / "build") -> Path:
    """The folder with the stubs that `lock` pins, in the layout of typeshed; installed when it is not there.

    Raises SettingsError when they cannot be had.
    """
    folder = build / f"esp32-stubs-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not folder.exists():
        build.mkdir(exist_ok=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        with TemporaryDirectory(dir=build) as scratch:
            made = Path(scratch, "stubs")
            result = subprocess.run(
                [*pip, "--require-hashes", "--requirement", str(lock), "--target", str(made)],
                capture_output=True,
                text=True,
                check=False,
            )
            if result.returncode:
                reason = (result.stderr.strip().splitlines() or ["pip failed"])[-1]
                raise SettingsError(f"{lock.name}: stubs cannot be installed: {reason}; go online once and run again")
            with suppress(OSError):  # another run was faster; its folder holds the same
                made.rename(folder)
    return folder


def check(files: Sequence[Path]) -> list[str]:
    """What mypy has to say about `files`, one line per complaint; empty when they agree with the stubs.

    Raises SettingsError when the stubs cannot be had.
    """
    folder = stubs()
    mypy = [sys.executable, "-m", "mypy", "--config-file", "firmware/mypy.ini", "--custom-typeshed-dir", str(folder)]
    result = subprocess.run(
        [*mypy, *map(str, files)],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": os.pathsep.join([str(BOARD), str(folder)])},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode not in (0, 1):
        raise RuntimeError(f"mypy did not check: {result.stdout}{result.stderr}")
    return [line for line in result.stdout.splitlines() if ": error: " in line]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 with a line per complaint, or 2 with one line."""
    names = sys.argv[1:] if arguments is None else arguments
    try:
        complaints = check([Path(name) for name in names] or sorted(BOARD.glob("*.py")))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    for line in complaints:
        print(line)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
