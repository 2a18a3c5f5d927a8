"""The state on LittleFS, the power cut at each flash operation, clean and torn. Runs under MicroPython alone; see
../run.py.
"""

from ram_flash import EMPTY, ROOT, Flash, mounted, unmounted
from state import State

COPIES = (ROOT + "/state_1", ROOT + "/state_2")


def state():
    return State(COPIES, lambda line: None)


class Story:
    """Three starts: `begun` is counted by the last one that the flash took for sure, and `told` is what it remembers."""

    def __init__(self):
        self.begun = 0
        self.error = None

    def live(self, has_power):
        for number in range(1, 4):
            started = state()
            started.begin("power_on")
            if not has_power():
                return
            self.begun = number
            started.end("error %d" % number)
            if not has_power():
                return
            self.error = "start %d: error %d" % (number, number)


def lived(cut_at, torn):
    flash = Flash(bytearray(EMPTY))
    flash.cut_at, flash.torn = cut_at, torn
    story = Story()
    mounted(flash)
    story.live(lambda: cut_at is None or flash.operations < cut_at)
    unmounted()
    return flash, story


def test_a_power_cut_at_any_write_leaves_a_whole_copy():
    flash, story = lived(None, False)
    assert (story.begun, story.error) == (3, "start 3: error 3")
    operations = flash.operations
    assert operations >= 6
    for cut_at in range(1, operations + 1):
        for torn in (False, True):
            flash, story = lived(cut_at, torn)
            mounted(Flash(flash.content))
            found = state()
            unmounted()
            assert found.starts - story.begun in (0, 1), (cut_at, torn, found.report(), story.begun)
            if story.error:
                at_least = int(story.error.split(" ")[1][:-1])
                assert found.last_error and int(found.last_error.split(" ")[1][:-1]) - at_least in (0, 1)


def test_a_start_costs_few_operations():
    flash, _ = lived(None, False)
    print(flash.operations)
    assert flash.operations <= 6 * 8, flash.operations  # six writes
