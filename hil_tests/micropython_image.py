"""A stand-in for MicroPython's image for the ESP32: its header and partition table, and filling that no chip can run.

Laid out after ESP-IDF's documentation of both, with the partitions of ESP32_GENERIC.
"""

import hashlib
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
    """Some 120 kB, to be written at 0x1000. `chip` is ESP-IDF's number of the chip that it claims to be for."""
    header = bytearray(struct.pack("<BBBBI", 0xE9, 0, *FLASH_4MB_DIO, 0x40081000) + bytes(16))
    header[CHIP_OFFSET : CHIP_OFFSET + 2] = chip.to_bytes(2, "little")
    table = b"".join(
        struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, start, size, label, 0)
        for label, kind, subtype, start, size in partitions
    )
    before = bytes(header).ljust(0x7000, b"\xff") + table.ljust(0x8000, b"\xff")
    return before + _application(random.Random(1).randbytes(0xF000))


def _application(segment: bytes) -> bytes:
    """One segment with its checksum and SHA-256 behind it, as esptool has them in every image that it makes."""
    header = struct.pack("<BBBBI", 0xE9, 1, *FLASH_4MB_DIO, 0x40081000) + bytes(15) + b"\x01"
    content = header + struct.pack("<II", 0x3F400020, len(segment)) + segment
    checksum = 0xEF
    for octet in segment:
        checksum ^= octet
    content = content.ljust((len(content) + 16) // 16 * 16 - 1, b"\0") + bytes((checksum,))
    return content + hashlib.sha256(content).digest()
