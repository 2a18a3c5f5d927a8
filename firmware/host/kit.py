"""The kit: all that a technician's laptop needs, without internet, to make a board out of a bare ESP32.

    python -m firmware.host.kit --output DIR [--image FILE]

One kit serves every unit; a unit's settings, and with them all passwords, are written by `firmware.host.flash`.

    manifest.json       firmware and MicroPython version, SHA-256 of every other file
    micropython.bin     the image, from --image or from the project's pinned download
    board/              what is copied to the board's root: compiled files, umqtt, the profile of every device model

Exit code 2: something cannot be had, or is not what was pinned.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware.host.bundle import BOARD, CACHE, firmware_version, make_folder, profiles
from firmware.host.bytecode import board_files
from firmware.host.command import in_one_line
from firmware.host.image import Region, file_system, pin, pinned
from firmware.host.profile import known_models
from firmware.host.umqtt import source
from ingest.settings_file import SettingsError

_MANIFEST = "manifest.json"
_IMAGE = "micropython.bin"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Kit:
    """A kit whose checksums are right. `files` are the board's, by their path on the board."""

    firmware: str
    micropython: str
    image: bytes
    board: Path
    files: dict[str, str]
    """Path on the board → SHA-256."""
    file_system: Region


def build(output: Path, micropython: bytes, version: str, umqtt: bytes) -> None:
    """Write the kit. Raises SettingsError.

    A folder with an earlier kit is made anew, any other one that is not empty is refused.
    """
    file_system(micropython, version)
    files = {f"board/{name}": content for name, content in board_files(BOARD, umqtt).items()}
    files |= {f"board/{name}": content for name, content in profiles(known_models()).items()}
    files[_IMAGE] = micropython
    manifest = {
        "format": _FORMAT,
        "firmware": firmware_version(),
        "micropython": version,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
    }
    files[_MANIFEST] = json.dumps(manifest, indent=1).encode() + b"\n"
    make_folder(output, files, _MANIFEST)


def open_kit(folder: Path) -> Kit:
    """The kit in `folder`. Raises SettingsError when a file is missing, damaged or too much."""
    again = "make it anew with make bundle"
    try:
        manifest = json.loads((folder / _MANIFEST).read_text("utf-8"))
        if manifest["format"] != _FORMAT:
            raise SettingsError(f"{folder}: a kit of format {manifest['format']}, not {_FORMAT}; {again}")
        sums, firmware, micropython = {**manifest["sha256"]}, manifest["firmware"], manifest["micropython"]
    except OSError:
        raise SettingsError(f"{folder}: no kit; {again}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError):
        raise SettingsError(f"{folder}/{_MANIFEST}: damaged; {again}") from None
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    del found[_MANIFEST]
    for name in sorted({_IMAGE, *sums, *found}):
        if name not in found:
            raise SettingsError(f"{folder}/{name}: missing; {again}")
        if name not in sums:
            raise SettingsError(f"{folder}/{name}: not of the kit; take it away, or {again}")
        if hashlib.sha256(found[name].read_bytes()).hexdigest() != sums[name]:
            raise SettingsError(f"{folder}/{name}: damaged, its SHA-256 is not the manifest's; {again}")
    content = found[_IMAGE].read_bytes()
    return Kit(
        firmware=firmware,
        micropython=micropython,
        image=content,
        board=folder / "board",
        files={name.removeprefix("board/"): digest for name, digest in sums.items() if name != _IMAGE},
        file_system=file_system(content, f"{folder}/{_IMAGE}"),
    )


def _micropython(given: Path | None) -> tuple[bytes, str]:
    """The image and its version, as far as it is known."""
    chosen = pin()
    if given is None:
        return pinned(chosen, CACHE), chosen.version
    content = given.read_bytes()
    return content, chosen.version if hashlib.sha256(content).hexdigest() == chosen.sha256 else given.name


@in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line."""
    parser = argparse.ArgumentParser(prog="python -m firmware.host.kit", description="Build a technician's kit.")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder to make")
    parser.add_argument("--image", type=Path, metavar="FILE", help="MicroPython's .bin instead of the pinned download")
    options = parser.parse_args(arguments)
    build(options.output, *_micropython(options.image), source(CACHE))
    kit = open_kit(options.output)
    print(f"{options.output}: firmware {kit.firmware}, MicroPython {kit.micropython}, {len(kit.files)} board files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
