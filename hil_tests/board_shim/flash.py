"""Stands in for the ESP32's flash: a file with erase blocks of 4096 bytes, kept by the host. Writes reach the file at
once, so killing the interpreter between two of them is a power cut between two flash operations.
"""

import vfs

BLOCK = 4096
_ERASED = b"\xff" * 256


class Flash:
    def __init__(self, path):
        self._file = open(path, "r+b", 0)
        self._blocks = self._file.seek(0, 2) // BLOCK

    def readblocks(self, block, buffer, offset=0):
        self._file.seek(block * BLOCK + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=0):
        self._file.seek(block * BLOCK + offset)
        self._file.write(buffer)

    def ioctl(self, operation, argument):
        if operation == 4:
            return self._blocks
        if operation == 5:
            return BLOCK
        if operation == 6:
            self._file.seek(argument * BLOCK)
            for _ in range(BLOCK // len(_ERASED)):
                self._file.write(_ERASED)
        return 0


def mount(path, where):
    """Mounts the LittleFS in the image at `path`; an erased one gets a fresh one, as on the first start of a board.

    As the ESP32's start does: a file system that is damaged is not formatted over; the OSError is the caller's.
    """
    flash = Flash(path)
    first = bytearray(BLOCK)
    flash.readblocks(0, first)
    if first == b"\xff" * BLOCK:
        vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), where)
