"""Build the folder that is copied to a board's root, for one unit; `firmware.host.kit` builds for all of them.

    python -m firmware.host.bundle --unit UNIT --output DIR

The bundle holds the files of `firmware/board/` and umqtt.simple from PyPI, compiled, the profiles of the unit's devices
and the unit's settings, passwords included. A folder that an earlier run made is made anew; any other one that
is not empty is refused. Exit code 2: a setting is wrong, or umqtt cannot be had.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from firmware.host import unit_settings
from firmware.host.bytecode import board_files
from firmware.host.command import in_one_line
from firmware.host.profile import load
from firmware.host.umqtt import source
from firmware.host.units import settings_file
from ingest.settings_file import SettingsError

BOARD = Path(__file__).parent.parent / "board"
CACHE = Path(__file__).parent.parent.parent / "build" / "packages"

_SETTINGS = "unit.json"


def firmware_version() -> str:
    """What the board says of itself."""
    found = re.search(r'^FIRMWARE = "(.+)"$', (BOARD / "unit.py").read_text("utf-8"), re.MULTILINE)
    assert found  # noqa: S101  a test holds it
    return found[1]


def profiles(models: Sequence[str]) -> dict[str, bytes]:
    """The compiled profiles, by their path on the board."""
    compiled = {name: content for model in models for name, content in load(model).files().items()}
    return {
        f"profiles/{name}.json": json.dumps(content, separators=(",", ":")).encode()
        for name, content in compiled.items()
    }


def make_folder(output: Path, files: Mapping[str, bytes], mark: str) -> None:
    """Make `output` anew, with these files. What interrupts it leaves the old one, none, or the new one, never a part.

    Raises SettingsError for one that is not empty and lacks the file `mark`, and so is none of ours.
    """
    if output.exists() and not (output / mark).exists() and (not output.is_dir() or any(output.iterdir())):
        raise SettingsError(f"--output {output}: holds something else than an earlier run made; name another folder")
    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f"{output.name}-", dir=output.parent) as aside:
        made = Path(aside) / "made"
        for name, content in files.items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o600 if name == _SETTINGS else 0o644)
            path.write_bytes(content)
        if output.exists():
            output.rename(Path(aside) / "old")
        made.rename(output)


def build(unit_file: Path, output: Path, umqtt: Callable[[], bytes]) -> list[str]:
    """Write the bundle and return its files, relative to `output`. Raises SettingsError.

    `umqtt` gives the source of umqtt.simple.
    """
    settings = unit_settings.read(unit_file)
    files = board_files(BOARD, umqtt()) | profiles([device["model"] for device in settings["devices"]])
    files[_SETTINGS] = json.dumps(settings, indent=1).encode()
    make_folder(output, files, _SETTINGS)
    return list(files)


@in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line."""
    parser = argparse.ArgumentParser(prog="python -m firmware.host.bundle", description="Build what a board runs.")
    parser.add_argument("--unit", required=True, help="the unit's settings: a TOML file, or its name in units/")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder to make")
    options = parser.parse_args(arguments)
    files = build(settings_file(options.unit), options.output, lambda: source(CACHE))
    print(f"{options.output}: {len(files)} files: {', '.join(files)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
