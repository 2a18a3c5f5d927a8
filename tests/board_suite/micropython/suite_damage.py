"""The spool on a LittleFS with a damaged block, each block in turn. Runs under MicroPython alone; see ../run.py."""

import gc
import json
import os

import store
from ram_flash import BLOCK, BLOCKS, EMPTY, ROOT, Flash, mounted, unmounted
from spool import PATIENCE, Spool

gc.threshold(500_000)  # or what a test keeps lies so far apart that no copy of the flash fits in between
store.SEGMENT = 8 * BLOCK - 512
FOLDER = ROOT + "/readings"
EARLIER, LATER, LAST = "a" * 12, "b" * 12, "c" * 12
COUNT = 180  # two files, of up to eight blocks
POINTERS = (0, 4, 8)  # where LittleFS has the pointers to the blocks before, at the begin of a block


class Source:
    name, model, measurement = "bms1", "jk_pb", "bms"
    signals = ("cycles",)


def add(spool, seq, up):
    spool.add(Source, up, None, {"cycles": (seq, 0)}, "%d " % seq + "x" * 180)  # so that few readings fill a file


def taken(spool):
    """The readings; losses are left out."""
    readings = []
    while True:
        text = bytearray()
        reading = spool.take(text)
        if reading is None:
            return readings
        boot, seq = reading[:2]
        content = json.loads(text + b"}")
        if content["measurement"] != "loss":
            assert content["signals"]["cycles"] == seq, "a reading is damaged"
            readings.append((boot, seq))


def with_a_backlog():
    flash = Flash(bytearray(EMPTY))
    mounted(flash)
    spool = Spool(FOLDER, EARLIER, 200_000, print)
    for seq in range(COUNT):
        add(spool, seq, seq * 1000)
        spool.keep(seq * 1000 + (PATIENCE if seq % 4 == 3 else 0))
    assert len(os.listdir(FOLDER)) == 2
    unmounted()
    return flash.content


BACKLOG = with_a_backlog()


def each_damage():
    """Flash with four bytes of one block overwritten, where LittleFS still mounts and has the folder."""
    for block in range(BLOCKS):
        for offset in POINTERS:
            for byte in (b"\xff", b"\x00", b"\x5a"):
                flash = Flash(bytearray(BACKLOG))
                flash.content[block * BLOCK + offset : block * BLOCK + offset + 4] = byte * 4
                unmounted()  # where a test that failed left one
                try:
                    mounted(flash)
                except OSError:
                    continue
                try:
                    if "readings" in os.listdir(ROOT):
                        yield flash
                finally:
                    unmounted()


def add_one(spool, up):
    add(spool, 0, up)
    for second in range(4):
        spool.keep(up + PATIENCE + second * 1000)


def test_what_can_be_read_is_given_out_and_the_rest_is_counted():
    damaged = 0
    for flash in each_damage():
        said = []
        spool = Spool(FOLDER, LATER, 200_000, said.append)
        given = set(taken(spool))
        spool.rewind()
        assert set(taken(spool)) == given, said
        missing = COUNT - len(given)
        assert (missing > 0) == (spool.lost > 0) == bool(said) and spool.lost <= missing, (missing, spool.lost, said)
        damaged += missing > 0
    assert damaged > 5, damaged


def test_delivery_ends_with_an_empty_folder():
    for flash in each_damage():
        spool = Spool(FOLDER, LATER, 200_000, lambda line: None)
        taken(spool)
        spool.acknowledge(EARLIER, COUNT, [])
        spool.rewind()
        assert taken(spool) == [] and spool.readings() == 0 and os.listdir(FOLDER) == []


def test_flash_takes_readings_again_although_no_one_delivers():
    """Or says that it does not: LittleFS has pointers that it follows as it looks for room, but not as it reads."""
    gave_up = 0
    for flash in each_damage():
        said = []
        add_one(Spool(FOLDER, LATER, 200_000, said.append), 0)
        unmounted()
        mounted(flash)
        in_flash = (LATER, 0) in taken(Spool(FOLDER, LAST, 200_000, lambda line: None))
        assert in_flash or "they stay in RAM" in said[-1], said
        gave_up += any("takes readings again" in line for line in said)
    assert gave_up


def test_a_file_system_without_room_for_the_folder_leaves_the_readings_in_ram():
    mounted(Flash(bytearray(EMPTY)))
    try:
        fill("filler")
        said = []
        spool = Spool(FOLDER, LATER, 200_000, said.append)
        add_one(spool, 0)
        assert taken(spool) == [(LATER, 0)]
        assert len(said) == 1 and "stay in RAM" in said[0]
    finally:
        unmounted()


def test_a_full_file_system_gets_no_empty_files():
    mounted(Flash(bytearray(EMPTY)))
    try:
        os.mkdir(FOLDER)
        fill("filler")
        spool = Spool(FOLDER, LATER, 200_000, lambda line: None)
        for seq in range(100):
            add_one(spool, seq * 5000)
        assert os.listdir(FOLDER) == [] and spool._store.number == 0
    finally:
        unmounted()


def fill(name):
    """Until LittleFS takes nothing more, not even a name."""
    for size in (65536, 4096, 64):
        number = 0
        try:
            while True:
                number += 1
                with open("%s/%s-%d-%d" % (ROOT, name, size, number), "wb") as file:
                    file.write(b"x" * size)
        except OSError:
            pass
