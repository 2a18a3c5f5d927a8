"""Runs under CPython and MicroPython; see run.py. Power cuts are in micropython/, damaged flash is in
suite_spool_damage.py, thinning in suite_thinning.py.
"""

import os
import random

import store
from spool import PATIENCE
from spooling import EARLIER, LATER, ROOT, Folder, Source, add, contents, filled, seqs, taken


def test_a_reading_comes_out_as_it_went_in():
    with Folder() as folder:
        spool = folder.start(EARLIER)
        spool.add(Source, 17, 1_795_562_958_755, {"pack_voltage": (52287, 3)}, "refuses")
        text = (
            b'{"device":"bms1","model":"jk_pb","measurement":"bms","t":1795562958755,"signals":{"pack_voltage":52.287},'
            b'"error":"refuses"'
        )
        assert [(reading[:3], bytes(reading[3])) for reading in taken(spool)] == [((EARLIER, 0, 17), text)]
        assert spool.take(bytearray()) is None
        spool.write()
        assert [bytes(reading[3]) for reading in taken(folder.start(LATER))] == [text]


def test_its_time_is_kept_to_the_millisecond_also_where_it_is_learned_or_moves():
    with Folder() as folder:
        spool = folder.start(EARLIER)
        times = [None, None, 1_795_562_958_755, 1_795_562_968_757, 1_795_562_978_756, 4_102_444_799_999]
        for number, utc in enumerate(times):
            add(spool, number, number * 10000 + 3, utc)
        spool.write()
        assert [content["t"] for content in contents(taken(folder.start(LATER)))] == times


def test_nothing_is_written_while_acks_come_in_time():
    with Folder() as folder:
        spool = folder.start(LATER)
        for number in range(100):
            add(spool, number, number * 10000)
            spool.keep(number * 10000 + 9000)
            spool.acknowledge(LATER, number, [])
        assert folder.files() == [] and spool.readings() == 0


def test_what_waits_too_long_is_written_in_one_go():
    with Folder() as folder:
        spool = folder.start(LATER)
        add(spool, 0, 0)
        add(spool, 1, 10000)
        spool.keep(PATIENCE - 1)
        assert folder.files() == []
        spool.keep(PATIENCE)
        assert folder.files() == ["000001-0-" + LATER] and PATIENCE < 30000
        assert seqs(folder.start(EARLIER)) == [0, 1]


def test_a_full_ram_is_written_before_its_time():
    with Folder() as folder:
        spool = folder.start(LATER)
        while not folder.files():
            assert spool.readings() < 100
            add(spool, 0)
            spool.keep(1)


def test_a_segment_can_be_read_without_what_wrote_it():
    """The next start has another profile: fewer signals, other decimals."""
    with Folder() as folder:
        filled(folder, EARLIER, 400)
        assert len(folder.files()) > 2
        os.remove(ROOT + "/" + folder.files()[0])
        readings = taken(folder.start(LATER))
        assert [content["signals"] for content in contents(readings)] == [
            {"pack_voltage": reading[1] / 1000, "protections": reading[1] % 7 << 25} for reading in readings
        ]
        assert len(readings) > 200


def test_earlier_boots_come_after_fresh_readings_and_in_order():
    with Folder() as folder:
        filled(folder, EARLIER, 5)
        spool = folder.start(LATER)
        add(spool, 0)
        assert [reading[:2] for reading in taken(spool)] == [(LATER, 0)] + [(EARLIER, seq) for seq in range(5)]


def test_readings_appended_while_the_backlog_is_read_come_too():
    with Folder() as folder:
        spool = filled(folder, LATER, 3)
        assert seqs(spool) == [0, 1, 2]
        add(spool, 3, 100000)
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
        add(spool, 3, 100000)
        assert seqs(spool) == [3, 0, 1, 2]
        spool.rewind()
        assert seqs(spool) == [3, 0, 1, 2]


def test_segments_are_removed_one_by_one():
    with Folder() as folder:
        spool = filled(folder, LATER, 400)
        count = len(folder.files())
        assert count > 2
        spool.acknowledge(LATER, 200, [])
        assert 0 < len(folder.files()) < count
        assert seqs(spool) == list(range(201, 400)) and spool.readings() == 199


def ack_of(stored):
    """What a gateway that has the seqs `stored` says of them: all up to one, and ranges beyond."""
    up_to = -1
    while up_to + 1 in stored:
        up_to += 1
    ranges = []
    for seq in sorted(seq for seq in stored if seq > up_to):
        if ranges and ranges[-1][1] == seq - 1:
            ranges[-1] = (ranges[-1][0], seq)
        else:
            ranges.append((seq, seq))
    return up_to, ranges


def test_any_order_of_readings_acks_and_starts_loses_nothing():
    random.seed(3)
    for _ in range(20):
        with Folder() as folder:
            added, stored = set(), {}
            for start in range(4):
                boot = "%012x" % start
                stored[boot] = set()
                spool = folder.start(boot)
                up = 0
                for seq in range(random.randint(0, 60)):
                    up += random.randint(1, 20000)
                    add(spool, seq, up)
                    added.add((boot, seq))
                    spool.keep(up + random.randint(0, 9000))
                    if random.random() < 0.2:
                        acked = random.choice(list(stored))
                        known = [seq for boot, seq in added if boot == acked] or [0]
                        first, last = sorted((random.choice(known), random.choice(known)))
                        stored[acked].update(range(first, last + 1))
                        spool.acknowledge(acked, *ack_of(stored[acked]))
                    if random.random() < 0.1:
                        spool.rewind()
                        given = {reading[:2] for reading in taken(spool)}
                        wanted = {(boot, seq) for boot, seq in added if seq not in stored[boot]}
                        assert wanted <= given <= added, "acks of earlier boots may have been forgotten at the start"
                        assert {seq for boot, seq in given - wanted if boot == spool.boot} == set()
                spool.write()
                assert spool.lost == 0 and folder.said == []


def test_what_is_not_due_is_written_when_asked_for():
    with Folder() as folder:
        spool = folder.start(EARLIER)
        spool.write()
        assert folder.files() == []
        add(spool, 0)
        spool.write()
        assert seqs(folder.start(LATER)) == [0]


def test_more_starts_than_files_cost_the_shortest():
    with Folder() as folder:
        filled(folder, "c" * 12, 20)
        for start in range(2 * store.MOST_FILES):
            spool = folder.start("%012x" % start)
            add(spool, 0)
            spool.write()
            assert len(folder.files()) <= store.MOST_FILES
        assert ("c" * 12, 19) in [reading[:2] for reading in taken(folder.start(LATER))]


def test_it_reports_for_the_technician():
    with Folder() as folder:
        spool = filled(folder, LATER, 20, 500_000)
        add(spool, 20, 300000)
        assert spool.report() == {
            "readings": 21, "in_flash": 20, "flash_bytes": 4096, "flash_limit": 500_000, "lost": 0
        }  # fmt: skip


def test_memory_does_not_grow_with_the_backlog():
    with Folder() as folder:
        store.SEGMENT = 60000
        spool = filled(folder, LATER, 2000)
        assert spool.readings() == 2000 and len(folder.files()) == 1 and len(spool._ram) == 0
        while spool.take(bytearray()):
            assert len(spool._store._cursor._records) <= 5
