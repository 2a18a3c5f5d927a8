"""The spool on LittleFS, the power cut at each flash operation. Runs under MicroPython alone; see
../board_suite/run.py.

`Flash` stands in for the ESP32's flash partition, in RAM: from the cut on it refuses, and the write of the cut is
either not done or half done. What it holds then is mounted by a fresh file system, as at the next start.
"""

import errno

import vfs
from spool import PATIENCE, Spool

BLOCK, BLOCKS = 4096, 32
ROOT = "/flash"
TEXT = '"device":"bms1","signals":{"soc":73}' + " " * 250


class Flash:
    def __init__(self, content=None):
        self.content = content or bytearray(b"\xff" * (BLOCK * BLOCKS))
        self.operations = 0
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

    def ioctl(self, operation, argument):
        if operation == 4:
            return BLOCKS
        if operation == 5:
            return BLOCK
        if operation == 6:
            if not self._has_power():
                return -errno.EIO
            self.content[argument * BLOCK : (argument + 1) * BLOCK] = b"\xff" * BLOCK
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


def work(spool, safe, gone):
    """Two outages with acks in between. `safe`: seqs that are in flash; `gone`: seqs that an ack named."""
    now = 0
    for seq in range(40):
        now += 5000
        spool.add(now, TEXT)
        spool.keep(now)
        safe.update(each for each in range(seq + 1) if each not in {held[0] for held in spool._ram})
        if seq == 20:
            gone.update(range(16))
            spool.acknowledge(spool.boot, 15, [])


def given_out(spool):
    readings = {}
    while True:
        reading = spool.take()
        if reading is None:
            return readings
        assert reading[3] == TEXT, "a reading is damaged"
        readings[reading[:2]] = reading


def run_with_a_cut(cut_at, torn):
    flash = Flash(bytearray(EMPTY))
    mounted(flash)
    flash.cut_at, flash.torn = cut_at, torn
    safe, gone = set(), set()
    try:
        work(Spool(ROOT + "/readings", "aaaaaaaaaaaa", 60_000, lambda line: None), safe, gone)
    except OSError:  # the start itself met the cut
        pass
    unmounted()
    cut = flash.operations >= (cut_at or 0)
    survivor = Flash(bytearray(flash.content))
    mounted(survivor)
    try:
        spool = Spool(ROOT + "/readings", "bbbbbbbbbbbb", 60_000, lambda line: None)
        readings = given_out(spool)
        spool.add(0, TEXT)
        spool.keep(PATIENCE)
        spool.rewind()
        assert ("bbbbbbbbbbbb", 0) in given_out(spool), "the next start cannot write"
    finally:
        unmounted()
    missing = [seq for seq in safe - gone if ("aaaaaaaaaaaa", seq) not in readings]
    assert not missing, "cut at {} lost {}".format(cut_at, missing)
    return cut


def every_cut(torn):
    cut_at = 0
    while True:
        cut_at += 1
        if not run_with_a_cut(cut_at, torn):
            return cut_at


def test_a_clean_cut_at_any_flash_operation_loses_nothing():
    assert every_cut(False) > 50


def test_a_torn_write_at_any_flash_operation_loses_nothing():
    assert every_cut(True) > 50


def test_the_count_of_lost_readings_is_right_without_a_cut():
    assert run_with_a_cut(None, False)
