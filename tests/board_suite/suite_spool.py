"""Runs under CPython and MicroPython; see run.py. Power cuts and damaged flash are in micropython/."""

import os

from spool import PATIENCE, SEGMENT, Spool

ROOT = "suite_spool_%d" % int.from_bytes(os.urandom(4), "little")
EARLIER, LATER = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


class Folder:
    """A folder for one test, removed at its end."""

    def __enter__(self):
        os.mkdir(ROOT)
        self.said = []
        return self

    def __exit__(self, *_):
        for name in os.listdir(ROOT):
            os.remove(ROOT + "/" + name)
        os.rmdir(ROOT)

    def start(self, boot, limit=1_000_000):
        return Spool(ROOT, boot, limit, self.said.append)

    def files(self):
        return sorted(os.listdir(ROOT))

    def change(self, name, change):
        with open(ROOT + "/" + name, "rb") as file:
            content = file.read()
        with open(ROOT + "/" + name, "wb") as file:
            file.write(change(content))


def filled(folder, boot, count, text='"device":"bms1"', limit=1_000_000):
    """A spool with `count` readings, one each 10 s, that no one acknowledged."""
    spool = folder.start(boot, limit)
    for number in range(count):
        spool.add(number * 10000, text)
        spool.keep(number * 10000)
    spool.keep(count * 10000 + PATIENCE)
    return spool


def taken(spool):
    readings = []
    while True:
        reading = spool.take()
        if reading is None:
            return readings
        readings.append(reading)


def seqs(spool):
    return [reading[1] for reading in taken(spool)]


def test_a_reading_comes_out_as_it_went_in():
    with Folder() as folder:
        spool = folder.start(LATER)
        spool.add(17, '"device":"bms1","signals":{"a":1}')
        assert taken(spool) == [(LATER, 0, 17, '"device":"bms1","signals":{"a":1}')]
        assert spool.take() is None


def test_nothing_is_written_while_acks_come_in_time():
    with Folder() as folder:
        spool = folder.start(LATER)
        for number in range(100):
            spool.add(number * 10000, '"device":"bms1"')
            spool.keep(number * 10000 + 9000)
            spool.acknowledge(LATER, number, [])
        assert folder.files() == [] and spool.readings() == 0


def test_what_waits_too_long_is_written_in_one_go():
    with Folder() as folder:
        spool = folder.start(LATER)
        spool.add(0, "a")
        spool.add(10000, "b")
        spool.keep(PATIENCE - 1)
        assert folder.files() == []
        spool.keep(PATIENCE)
        assert folder.files() == ["000001.log"]
        assert [reading[3] for reading in taken(folder.start(EARLIER))] == ["a", "b"]


def test_a_full_ram_is_written_before_its_time():
    with Folder() as folder:
        spool = folder.start(LATER)
        while not folder.files():
            assert spool.readings() < 100
            spool.add(0, "x" * 500)
            spool.keep(1)


def test_earlier_boots_come_after_fresh_readings_and_in_order():
    with Folder() as folder:
        filled(folder, EARLIER, 5)
        spool = folder.start(LATER)
        spool.add(0, "fresh")
        assert [reading[:2] for reading in taken(spool)] == [(LATER, 0)] + [(EARLIER, seq) for seq in range(5)]


def test_readings_appended_while_the_backlog_is_read_come_too():
    with Folder() as folder:
        spool = filled(folder, LATER, 3)
        assert seqs(spool) == [0, 1, 2]
        spool.add(100000, "x")
        spool.keep(100000 + PATIENCE)
        assert seqs(spool) == [3]


def test_only_what_is_acknowledged_goes():
    with Folder() as folder:
        spool = filled(folder, LATER, 10)
        spool.acknowledge(LATER, 3, [(6, 7)])
        assert seqs(spool) == [4, 5, 8, 9] and spool.oldest(LATER) == 4
        spool.acknowledge(EARLIER, 100, [])  # a boot that we know nothing of
        spool.rewind()
        assert seqs(spool) == [4, 5, 8, 9]
        spool.acknowledge(LATER, 9, [])
        assert folder.files() == [] and spool.readings() == 0 and spool.oldest(LATER) == 10


def test_a_range_beyond_may_begin_below_the_readings_of_a_segment():
    with Folder() as folder:
        filled(folder, EARLIER, 4)
        spool = folder.start(LATER)
        spool.acknowledge(EARLIER, -1, [(0, 20)])
        assert folder.files() == []


def test_rewind_gives_everything_again():
    with Folder() as folder:
        spool = filled(folder, LATER, 3)
        spool.add(100000, "fresh")
        assert seqs(spool) == [3, 0, 1, 2]
        spool.rewind()
        assert seqs(spool) == [3, 0, 1, 2]


def test_segments_are_removed_one_by_one():
    with Folder() as folder:
        spool = filled(folder, LATER, 200, "x" * 1000)
        count = len(folder.files())
        assert count >= 200 * 1000 // (SEGMENT + 6144)
        spool.acknowledge(LATER, 100, [])
        assert 0 < len(folder.files()) < count
        assert seqs(spool) == list(range(101, 200)) and spool.readings() == 99


def test_a_damaged_line_is_passed_over_and_counted_once():
    with Folder() as folder:
        filled(folder, EARLIER, 5)
        folder.change("000001.log", lambda content: content.replace(b" 2 20000 ", b" 2 20001 "))
        spool = folder.start(LATER)
        assert seqs(spool) == [0, 1, 3, 4]
        spool.rewind()
        assert seqs(spool) == [0, 1, 3, 4]
        assert spool.lost == 1 and len(folder.said) == 1 and "damaged" in folder.said[0]


def test_a_torn_tail_costs_only_itself():
    with Folder() as folder:
        filled(folder, EARLIER, 5)
        folder.change("000001.log", lambda content: content[:-10])
        spool = folder.start(LATER)
        assert spool.readings() == 4 and seqs(spool) == [0, 1, 2, 3]


def test_a_segment_is_removed_when_only_its_damaged_line_is_left():
    with Folder() as folder:
        filled(folder, EARLIER, 5)
        folder.change("000001.log", lambda content: content.replace(b" 2 20000 ", b" 2 20001 "))
        spool = folder.start(LATER)
        seqs(spool)
        spool.acknowledge(EARLIER, 1, [(3, 4)])
        spool.rewind()
        assert seqs(spool) == [] and folder.files() == [] and spool.readings() == 0


def test_rubbish_in_the_folder_never_stops_the_start():
    with Folder() as folder:
        filled(folder, EARLIER, 2)
        for name, content in (
            ("000002.log", b""),
            ("000003.log", b"\xff" * 9000),
            ("000004.log", b"\n" * 50),
            ("notes", b"x"),
        ):
            with open(ROOT + "/" + name, "wb") as file:
                file.write(content)
        spool = folder.start(LATER)
        assert seqs(spool) == [0, 1] and spool.lost == 2
        spool.add(0, "x")
        spool.keep(PATIENCE)
        assert folder.files() == ["000001.log", "000005.log", "damaged", "notes"]


def test_the_oldest_segment_is_given_up_when_it_is_full():
    with Folder() as folder:
        limit = 3 * SEGMENT
        spool = filled(folder, LATER, 300, "x" * 1000, limit)
        assert sum(os.stat(ROOT + "/" + name)[6] for name in folder.files()) <= limit
        left = seqs(spool)
        assert left == list(range(300 - len(left), 300)) and spool.oldest(LATER) == left[0]
        assert spool.lost == left[0] and "gave up" in folder.said[0]


def test_flash_that_fails_costs_the_oldest_and_is_told_once():
    with Folder() as folder:
        spool = folder.start(LATER)
        os.mkdir(ROOT + "/000001.log")  # where the segment would be written
        for number in range(50):
            spool.add(number, "x" * 1000)
            spool.keep(number + PATIENCE)
        os.rmdir(ROOT + "/000001.log")
        left = seqs(spool)
        assert left == list(range(50 - len(left), 50)) and 6 <= len(left) < 14 and spool.lost == 50 - len(left)
        assert len(folder.said) == 1 and "flash takes no readings" in folder.said[0]
        spool.keep(100000)
        assert folder.files() == ["000001.log"] and "takes readings again" in folder.said[1]


def test_what_is_not_due_is_written_when_asked_for():
    with Folder() as folder:
        spool = folder.start(EARLIER)
        spool.write()
        assert folder.files() == []
        spool.add(0, "young")
        spool.write()
        assert [reading[3] for reading in taken(folder.start(LATER))] == ["young"]


def test_a_file_that_cannot_be_read_stops_neither_start_nor_the_others():
    with Folder() as folder:
        filled(folder, EARLIER, 3)
        os.mkdir(ROOT + "/000002.log")  # reading it fails, and so does removing it
        spool = folder.start(LATER)
        assert seqs(spool) == [0, 1, 2] and spool.lost == 1 and "cannot be read" in folder.said[0]
        spool.add(0, "x")
        spool.keep(PATIENCE)
        assert seqs(folder.start(LATER)) == [0, 1, 2, 0]
        os.rmdir(ROOT + "/000002.log")


def test_without_a_folder_the_readings_stay_in_ram():
    said = []
    spool = Spool(ROOT + "/not/there", LATER, 1_000_000, said.append)
    spool.add(0, "x")
    spool.keep(PATIENCE)
    assert seqs(spool) == [0] and len(said) == 1 and "stay in RAM" in said[0]


def test_what_is_acknowledged_is_not_read_again():
    with Folder() as folder:
        spool = filled(folder, EARLIER, 5)
        spool.acknowledge(EARLIER, 1, [])
        assert seqs(spool) == [2, 3, 4]
        folder.change("000001.log", lambda content: content.replace(b" 1 10000 ", b" 1 10001 "))
        spool.rewind()
        assert seqs(spool) == [2, 3, 4] and spool.lost == 0


def test_memory_holds_no_bodies_of_the_backlog():
    with Folder() as folder:
        spool = filled(folder, LATER, 200, "x" * 1000)
        held = [value for value in vars_of(spool) if isinstance(value, str) and len(value) > 500]
        assert spool.readings() == 200 and held == []


def vars_of(spool):
    for reading in spool._ram:
        yield reading[2]
    for segment in spool._segments:
        yield from segment.__dict__.values()


def test_non_ascii_text_survives_flash():
    with Folder() as folder:
        spool = folder.start(LATER)
        spool.add(0, '"error":"Lan Hạ"')
        spool.keep(PATIENCE)
        assert taken(folder.start(EARLIER))[0][3] == '"error":"Lan Hạ"'
