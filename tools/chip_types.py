"""Check the board's code against the type stubs of MicroPython's ESP32 port.

    python -m tools.chip_types [FILE...]

Without a FILE it checks all of firmware/board. The stubs of the two PyPI packages replace typeshed, so a call that only
CPython has is an error too, where the stubs know it (docs/first-board.md says where they do not). mypy takes no
typeshed from site-packages, so they are copied out of there, once per version. Exit code 1 with mypy's complaints.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
BOARD = ROOT / "firmware" / "board"

_PACKAGES = ("micropython-esp32-stubs", "micropython-stdlib-stubs")


def stubs() -> Path:
    """The folder with the installed stubs, in the layout of typeshed. Raises PackageNotFoundError."""
    packages = [distribution(name) for name in _PACKAGES]
    folder = ROOT / "build" / "-".join(["chip-types", *(package.version for package in packages)])
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch, "stubs")
            for package in packages:
                for file in package.files or ():
                    if file.suffix == ".pyi" or file.name == "VERSIONS":
                        (made / file).parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(str(file.locate()), made / file)
            with suppress(OSError):  # another run was faster; its folder holds the same
                made.rename(folder)
    return folder


def check(files: Sequence[Path]) -> list[str]:
    """What mypy has to say about `files`, one line per complaint; empty when they agree with the stubs."""
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
    """Exit code 0, or 1 with a line per complaint."""
    names = sys.argv[1:] if arguments is None else arguments
    complaints = check([Path(name) for name in names] or sorted(BOARD.glob("*.py")))
    for line in complaints:
        print(line)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
