"""A stand-in for MicroPython's image for the ESP32: its header and partition table, and filling that no chip can run.

Laid out after ESP-IDF's documentation of both, with the partitions of ESP32_GENERIC.
"""

import random
import struct

FLASH_4MB_DIO = (0x02, 0x20)
CHIP_OFFSET = 12
PARTITIONS = (
    (b"nvs", 1, 2, 0x9000, 0x6000),
    (b"phy_init", 1, 1, 0xF000, 0x1000),
    (b"factory", 0, 0, 0x10000, 0x1F0000),
)
VFS = (b"vfs", 1, 0x81, 0x200000, 0x200000)


def stand_in(chip: int = 0, partitions: tuple[tuple[bytes, int, int, int, int], ...] = (*PARTITIONS, VFS)) -> bytes:
    """96 kB, to be written at 0x1000. `chip` is ESP-IDF's number of the chip that it claims to be for."""
    header = bytearray(struct.pack("<BBBBI", 0xE9, 0, *FLASH_4MB_DIO, 0x40081000) + bytes(16))
    header[CHIP_OFFSET : CHIP_OFFSET + 2] = chip.to_bytes(2, "little")
    table = b"".join(
        struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, start, size, label, 0)
        for label, kind, subtype, start, size in partitions
    )
    image = bytes(header).ljust(0x7000, b"\xff") + table.ljust(0x1000, b"\xff")
    return image + random.Random(1).randbytes(0x10000)
