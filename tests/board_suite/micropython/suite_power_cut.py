"""The spool on LittleFS, the power cut at each flash operation. Runs under MicroPython alone; see ../run.py.

Segments and limit are small here, so that two starts write, give out, rotate, acknowledge and give up whole segments.
"""

import spool as room
from ram_flash import EMPTY, ROOT, Flash, mounted, unmounted
from spool import PATIENCE, Spool

room.SEGMENT = 1000
LIMIT = 6000  # bytes
FOLDER = ROOT + "/readings"
FOREIGN, FIRST, SECOND, LAST = "f" * 12, "a" * 12, "b" * 12, "c" * 12
TEXT = '"device":"bms1","signals":{"soc":73}' + " " * 250


def started(boot):
    return Spool(FOLDER, boot, LIMIT, lambda line: None)


def taken(spool):
    readings = []
    while True:
        reading = spool.take()
        if reading is None:
            return readings
        assert reading[3] == TEXT, "a reading is damaged"
        readings.append(reading[:2])


def with_a_backlog():
    """Flash as an earlier boot left it, and a file that is to be set aside."""
    flash = Flash(bytearray(EMPTY))
    mounted(flash)
    spool = started(FOREIGN)
    for seq in range(8):
        spool.add(seq * 20000, TEXT)
        spool.keep(seq * 20000 + PATIENCE)
    with open(FOLDER + "/000009.log", "wb") as file:
        file.write(b"no line of ours\n" * 10)
    unmounted()
    return flash.content


BACKLOG = with_a_backlog()
SAFE_AT_FIRST = {(FOREIGN, seq) for seq in range(8)}


class Story:
    """Two starts of a board; the acks of earlier boots end with a segment, because the next start does not know of them.

    `safe`: what was in flash at some time; `gone`: what an ack named; `lost`: the counts.
    """

    def __init__(self):
        self.safe = set(SAFE_AT_FIRST)
        self.gone = set()
        self.lost = 0

    def start(self, boot, backlog, readings):
        spool = started(boot)
        try:
            self.acknowledge(spool, *backlog)
            for seq in range(readings):
                spool.add(seq * 5000, TEXT)
                spool.keep(seq * 5000)
                in_ram = {held[0] for held in spool._ram}
                self.safe.update((boot, each) for each in range(seq + 1) if each not in in_ram)
                if seq == readings // 2:
                    self.acknowledge(spool, boot, seq // 2)
            spool.rewind()
            taken(spool)
        finally:
            self.lost += spool.lost

    def acknowledge(self, spool, boot, up_to):
        spool.rewind()
        self.gone.update((of, seq) for of, seq in taken(spool) if of == boot and seq <= up_to)
        spool.acknowledge(boot, up_to, [])

    def tell(self):
        self.start(FIRST, (FOREIGN, 3), 24)
        unmounted()
        self.operations_of_first = self.flash.operations
        mounted(self.flash)
        self.start(SECOND, (FIRST, 14), 30)


def run_with_a_cut(cut_at, torn):
    """Plays the story up to the cut, checks what the next start finds, and returns the story."""
    story = Story()
    story.flash = flash = Flash(bytearray(BACKLOG))
    mounted(flash)
    flash.cut_at, flash.torn = cut_at, torn
    try:
        story.tell()
    except OSError:  # no power to mount with
        assert cut_at and flash.operations >= cut_at
    unmounted()
    mounted(Flash(bytearray(flash.content)))
    try:
        spool = started(LAST)
        readings = set(taken(spool))
        spool.add(0, TEXT)
        spool.keep(PATIENCE)
        spool.rewind()
        assert (LAST, 0) in taken(spool), "the next start cannot write"
    finally:
        unmounted()
    story.missing = story.safe - story.gone - readings
    assert len(story.missing) <= story.lost, "cut at {} lost {}".format(cut_at, sorted(story.missing))
    return story


def every_cut(torn):
    """How many cuts there were in the first start, and in all."""
    cut_at = 0
    while True:
        cut_at += 1
        story = run_with_a_cut(cut_at, torn)
        if story.flash.operations < cut_at:
            return story.operations_of_first, story.flash.operations


def test_a_clean_cut_at_any_flash_operation_loses_nothing_but_what_it_counts():
    first, both = every_cut(False)
    assert first > 50 and both > first + 50, (first, both)


def test_a_torn_write_at_any_flash_operation_loses_nothing_but_what_it_counts():
    first, both = every_cut(True)
    assert first > 50 and both > first + 50, (first, both)


def test_the_count_of_lost_readings_is_right():
    story = run_with_a_cut(None, False)
    assert story.missing and story.lost - 1 == len(story.missing), (
        story.lost,
        story.missing,
    )  # 1 is the file set aside
