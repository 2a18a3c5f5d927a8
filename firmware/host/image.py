"""The MicroPython image for the ESP32: where it comes from, and where it puts the board's file system.

Layout after ESP-IDF's documentation: image header ("App Image Format"), partition table ("Partition Tables"). The image
is written at 0x1000 and so begins with the bootloader; the partition table lies at 0x8000 of the flash.
"""

import hashlib
import http.client
import struct
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingest.settings_file import SettingsError, Table

PIN = Path(__file__).parent.parent / "micropython.toml"
ADDRESS = 0x1000
"""Where the ESP32's ROM looks for a bootloader."""

_TABLE = 0x8000 - ADDRESS
_TABLE_BYTES = 0xC00
_ENTRY = struct.Struct("<2sBBII16s4x")
_MAGIC, _ESP32 = 0xE9, 0
_APPLICATION = 0
_HEADER, _SEGMENT_HEADER = 24, 8
_FETCH_TIMEOUT = 60


@dataclass(frozen=True, slots=True)
class Pin:
    """The project's choice of MicroPython."""

    version: str
    url: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the flash, in bytes."""

    start: int
    size: int


def pin(path: Path = PIN) -> Pin:
    """Raises SettingsError."""
    file = Table.of_file(path, str(PIN))
    chosen = Pin(
        version=file.text("version", r"\d+\.\d+\.\d+", "give MicroPython's version, such as 1.28.0"),
        url=file.text("url", r"https://.+/.+\.bin", "give the address of the image"),
        sha256=file.text("sha256", r"[0-9a-f]{64}", "give the image's SHA-256 in 64 small hex digits"),
    )
    file.refuse_unknown()
    return chosen


def download(url: str) -> bytes:
    """Raises OSError."""
    try:
        with urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT) as answer:  # noqa: S310  the pin allows https only
            content: bytes = answer.read()
            return content
    except http.client.HTTPException as error:
        raise OSError(f"the answer broke off ({error!r})") from None


def pinned(pin: Pin, cache: Path, download: Callable[[str], bytes] = download) -> bytes:
    """The pinned image, from `cache` or, the first time, from its address.

    Raises SettingsError when it cannot be had, or is not the one that was pinned.
    """
    kept = cache / pin.name
    if kept.exists():
        content, whence = kept.read_bytes(), f"{kept}: delete it and run again"
    else:
        try:
            content, whence = download(pin.url), f"{pin.url}: give the image by hand with IMAGE=FILE"
        except OSError as error:
            hint = f"go online once, or give the image with IMAGE={pin.name}"
            raise SettingsError(f"{pin.url} cannot be had: {error}; {hint}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != pin.sha256:
        place, _, hint = whence.rpartition(": ")
        raise SettingsError(f"{place}: SHA-256 {found} is not the pinned {pin.sha256}; {hint}")
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(content)
    return content


def file_system(image: bytes, name: str) -> Region:
    """Where this image has MicroPython's file system.

    Raises SettingsError for one that is not for the ESP32, or not whole.
    """
    hint = "give MicroPython's .bin for ESP32_GENERIC"
    if len(image) <= _TABLE + _ENTRY.size or image[0] != _MAGIC:
        raise SettingsError(f"{name}: no firmware image; {hint}")
    chip = int.from_bytes(image[12:14], "little")
    if chip != _ESP32:
        raise SettingsError(f"{name}: made for chip number {chip}, not for the ESP32 (0); {hint}")
    table = image[_TABLE : _TABLE + _TABLE_BYTES]
    entries = [_ENTRY.unpack_from(table, offset) for offset in range(0, len(table) - _ENTRY.size + 1, _ENTRY.size)]
    regions = [entry[1:] for entry in entries if entry[0] == b"\xaa\x50"]
    for kind, _, start, _, _ in regions:
        if kind == _APPLICATION and not _is_whole(image[start - ADDRESS :]):
            raise SettingsError(f"{name}: cut off or damaged, its own SHA-256 does not fit; {hint}")
    for _, _, start, size, label in regions:
        if label.rstrip(b"\0") == b"vfs":
            return Region(start, size)
    raise SettingsError(f"{name}: its partition table has no file system (vfs); {hint}")


def _is_whole(application: bytes) -> bool:
    """Whether its segments, and the checksum that fills the last 16 bytes of them, are followed by their SHA-256."""
    if application[:1] != bytes((_MAGIC,)):
        return False
    end = _HEADER
    for _ in range(application[1]):
        end += _SEGMENT_HEADER + int.from_bytes(application[end + 4 : end + _SEGMENT_HEADER], "little")
    end += 16 - end % 16
    return hashlib.sha256(application[:end]).digest() == application[end : end + 32]
