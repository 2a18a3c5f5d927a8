"""The ESP32 in its bootloader, over esptool: erase, write, verify.

Promises: the file system is erased only where there is none, or where that is asked for; so readings that nobody has
fetched and the unit's settings outlive a reflash, and a plug that is pulled at any step costs nothing but the step.
"""

import contextlib
from collections.abc import Iterator

import esptool
from esptool.cmds import detect_flash_size
from esptool.loader import ESPLoader
from esptool.util import FatalError, flash_size_bytes

from firmware.host.image import ADDRESS, Region
from ingest.settings_file import SettingsError

_CHIP = "ESP32"
_BAUD = 460800
_SUPERBLOCKS = 0x2000
"""LittleFS keeps its superblock in the first two blocks, and its name in it: littlefs, SPEC.md."""


class Chip:
    """What `connected` found. `mac` is the chip's own, which no two have."""

    def __init__(self, stub: ESPLoader, mac: str) -> None:
        self._stub = stub
        self.mac = mac

    def has_files(self, region: Region) -> bool:
        """Whether there is a LittleFS, sound or not."""
        return b"littlefs" in esptool.read_flash(self._stub, region.start, _SUPERBLOCKS, no_progress=True)

    def fits(self, region: Region) -> bool:
        """Whether the flash is large enough for the file system."""
        size = detect_flash_size(self._stub)
        return size is not None and flash_size_bytes(size) >= region.start + region.size

    def write(self, image: bytes, keep: Region | None) -> None:
        """Erase the flash, all but the region to keep, write the image, and read it back."""
        if keep:
            esptool.erase_region(self._stub, 0, keep.start)
        else:
            esptool.erase_flash(self._stub)
        esptool.write_flash(self._stub, [(ADDRESS, image)], compress=True)
        esptool.verify_flash(self._stub, [(ADDRESS, image)])


@contextlib.contextmanager
def connected(port: str) -> Iterator[Chip]:
    """The ESP32 at `port`, in its bootloader; it starts its program when this ends, however that is.

    Raises SettingsError when there is none, when it is another chip, and when it goes away meanwhile.
    """
    try:
        with esptool.detect_chip(port) as rom, contextlib.ExitStack() as left:
            left.callback(esptool.reset_chip, rom)
            if rom.CHIP_NAME != _CHIP:
                raise SettingsError(f"{port}: a chip {rom.CHIP_NAME}, and the kit is for {_CHIP}; take another board")
            mac = ":".join(f"{octet:02x}" for octet in rom.read_mac())
            stub = esptool.run_stub(rom)
            stub.change_baud(_BAUD)
            esptool.attach_flash(stub)
            yield Chip(stub, mac)
    except (FatalError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        hint = "check the cable, hold the board's BOOT button while it connects, and run this again"
        raise SettingsError(f"{port}: {reason.rstrip('.')}; {hint}") from None
