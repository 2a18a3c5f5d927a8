"""The spool on LittleFS, the power cut at each flash operation. Runs under MicroPython alone; see ../run.py.

Files and limit are small here, so that two starts write, give out, rotate, acknowledge, thin to every level and drop.
"""

import gc
import json

import store
from ram_flash import BLOCK, EMPTY, ROOT, Flash, mounted, unmounted
from spool import PATIENCE, Spool

gc.threshold(500_000)  # or what a story keeps lies so far apart that no copy of the flash fits in between
SAY = lambda line: None
EVERY = 10000  # ms
store.SEGMENT = 600
store.EVERY = (0, 2 * EVERY, 6 * EVERY)
LIMIT = 4 * BLOCK + store.SEGMENT  # bytes
FOLDER = ROOT + "/readings"
FOREIGN, FIRST, SECOND, LAST = "f" * 12, "a" * 12, "b" * 12, "c" * 12


class Source:
    name, model, measurement = "bms1", "jk_pb", "bms"
    signals = tuple(["cell_%02d_voltage" % cell for cell in range(1, 9)])


def values(seq):
    return {"cell_%02d_voltage" % cell: (3300 + (seq * cell * 37) % 500, 3) for cell in range(1, 9)}


def started(boot):
    return Spool(FOLDER, boot, LIMIT, SAY)


def add(spool, seq):
    spool.add(Source, seq * EVERY, None, values(seq), None)
    for tick in range(3):
        spool.keep(seq * EVERY + tick)


def taken(spool):
    """{(boot, seq)} of the readings, [(boot, seq, readings, last_seq)] of the losses."""
    readings, losses = set(), []
    while True:
        text = bytearray()
        reading = spool.take(text)
        if reading is None:
            return readings, losses
        boot, seq = reading[:2]
        content = json.loads(text + b"}")
        if content["measurement"] == "loss":
            losses.append((boot, seq, content["signals"]["readings"], content["signals"]["last_seq"]))
        else:
            for name, (integer, _) in values(seq).items():
                assert round(content["signals"][name] * 1000) == integer, "a reading is damaged"
            readings.add((boot, seq))


def with_a_backlog():
    """Flash as an earlier boot left it, and a file that is to be set aside."""
    flash = Flash(bytearray(EMPTY))
    mounted(flash)
    spool = started(FOREIGN)
    for seq in range(8):
        add(spool, seq)
    spool.write()
    with open(FOLDER + "/000009-0-" + FOREIGN, "wb") as file:
        file.write(b"no record of ours\n" * 10)
    unmounted()
    return flash.content


BACKLOG = with_a_backlog()


class Story:
    """Two starts of a board. `safe`: what was in flash at some time; `gone`: what an ack named, and `told` the losses in it."""

    def __init__(self):
        self.safe = {(FOREIGN, seq) for seq in range(8)}
        self.gone = set()
        self.told = []
        self.levels = set()

    def start(self, boot, backlog, readings):
        spool = started(boot)
        self.acknowledge(spool, *backlog)
        for seq in range(readings):
            add(spool, seq)
            in_ram = {held[0] for held in spool._ram}
            self.safe.update((boot, each) for each in range(seq + 1) if each not in in_ram)
            if self.flash.cut_at and self.flash.operations >= self.flash.cut_at:
                raise OSError("no power")
            self.levels.update(segment.level for segment in spool._store.segments)
            if seq == readings // 2:
                self.acknowledge(spool, boot, seq // 4)
        spool.rewind()
        taken(spool)

    def acknowledge(self, spool, boot, up_to):
        spool.rewind()
        self.told += [loss for loss in taken(spool)[1] if loss[0] == boot and loss[1] <= up_to]
        self.gone.update((boot, seq) for seq in range(up_to + 1))
        spool.acknowledge(boot, up_to, [])

    def tell(self):
        self.start(FIRST, (FOREIGN, 3), 92)
        unmounted()
        self.operations_of_first = self.flash.operations
        mounted(self.flash)
        self.start(SECOND, (FIRST, 14), 32)


def run_with_a_cut(cut_at, torn):
    """Plays the story up to the cut, checks what the next start finds, and returns the story."""
    story = Story()
    story.flash = flash = Flash(bytearray(BACKLOG))
    mounted(flash)
    flash.cut_at, flash.torn = cut_at, torn
    try:
        story.tell()
    except OSError:
        assert cut_at and flash.operations >= cut_at
    unmounted()
    mounted(Flash(flash.content))
    try:
        spool = started(LAST)
        readings, losses = taken(spool)
        add(spool, 0)
        spool.keep(PATIENCE)
        spool.rewind()
        assert (LAST, 0) in taken(spool)[0], "the next start cannot write"
    finally:
        unmounted()
    losses += story.told
    missing = story.safe - story.gone - readings
    unexplained = [
        (boot, seq)
        for boot, seq in missing
        if not any(boot == of and first <= seq <= last for of, first, _, last in losses)
    ]
    assert unexplained == [], "cut at {} lost {}".format(cut_at, sorted(unexplained))
    assert len(missing) <= sum(loss[2] for loss in losses), "cut at {} hides losses".format(cut_at)
    story.missing, story.losses = missing, losses
    return story


def every_cut(torn):
    """How many cuts there were in the first start, and in all."""
    cut_at = 0
    while True:
        cut_at += 1
        story = run_with_a_cut(cut_at, torn)
        if story.flash.operations < cut_at:
            return story.operations_of_first, story.flash.operations


def test_a_clean_cut_at_any_flash_operation_loses_nothing_but_what_it_tells():
    first, both = every_cut(False)
    assert first > 50 and both > first + 50, (first, both)


def test_a_torn_write_at_any_flash_operation_loses_nothing_but_what_it_tells():
    first, both = every_cut(True)
    assert first > 50 and both > first + 50, (first, both)


def test_the_story_has_all_of_it():
    story = run_with_a_cut(None, False)
    assert story.levels == {0, 1, 2, 3}, story.levels
    assert story.missing and story.losses
