"""`Flash` stands in for the ESP32's flash partition, in RAM: from `cut_at` operations on it has no power and refuses, and
the write of the cut is either not done or half done (`torn`). What it holds then can be mounted by a fresh file system,
as at the next start.
"""

import errno

import vfs

BLOCK, BLOCKS = 4096, 32
ROOT = "/flash"


class Flash:
    def __init__(self, content=None, blocks=BLOCKS):
        self.content = content or bytearray(b"\xff" * (BLOCK * blocks))
        self.operations = 0
        self.written = 0  # bytes
        self.erased = 0  # blocks
        self.cut_at = None
        self.torn = False

    def readblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        buffer[:] = self.content[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        if not self._has_power():
            if self.operations == self.cut_at and self.torn:
                self.content[start : start + len(buffer) // 2] = buffer[: len(buffer) // 2]
            return -errno.EIO
        self.content[start : start + len(buffer)] = buffer
        self.written += len(buffer)

    def ioctl(self, operation, argument):
        if operation == 4:
            return len(self.content) // BLOCK
        if operation == 5:
            return BLOCK
        if operation == 6:
            if not self._has_power():
                return -errno.EIO
            self.content[argument * BLOCK : (argument + 1) * BLOCK] = b"\xff" * BLOCK
            self.erased += 1
        return 0

    def _has_power(self):
        self.operations += 1
        return self.cut_at is None or self.operations < self.cut_at


def mounted(flash):
    vfs.mount(vfs.VfsLfs2(flash), ROOT)


def unmounted():
    try:
        vfs.umount(ROOT)
    except OSError:  # without power
        pass


def formatted():
    flash = Flash()
    vfs.VfsLfs2.mkfs(flash)
    return flash.content


EMPTY = formatted()
