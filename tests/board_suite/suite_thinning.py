"""A spool that runs out of room. Runs under CPython and MicroPython; see run.py."""

import json
import os
import random

import store
from spool import Spool

ROOT = "suite_thinning_%d" % int.from_bytes(os.urandom(4), "little")
BOOT, LATER, LAST = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"
PERIOD = 10000  # ms


class Source:
    model, measurement = "jk_pb", "bms"
    signals = tuple(["cell_%02d_voltage" % cell for cell in range(1, 9)])

    def __init__(self, name):
        self.name = name


PAIR = Source("bms1"), Source("bms2")


class Folder:
    """A folder for one test, removed at its end, with small files and blocks. `limit` is that of the spools."""

    def __init__(self, limit):
        self.limit = limit

    def __enter__(self):
        os.mkdir(ROOT)
        self.usual = store.SEGMENT, store.BLOCK
        store.SEGMENT, store.BLOCK = 1000, 128
        self.said = []
        return self

    def __exit__(self, *_):
        store.SEGMENT, store.BLOCK = self.usual
        for name in os.listdir(ROOT):
            os.remove(ROOT + "/" + name)
        os.rmdir(ROOT)

    def start(self, boot):
        return Spool(ROOT, boot, self.limit, self.said.append)

    def bytes(self):
        return sum(os.stat(ROOT + "/" + name)[6] for name in os.listdir(ROOT))

    def levels(self):
        return [int(name.split("-")[1]) for name in sorted(os.listdir(ROOT)) if not name.startswith("000000-")]


def poll(spool, number):
    for source in PAIR:
        values = {name: (3000 + random.randint(0, 500), 3) for name in source.signals}
        spool.add(source, number * PERIOD, None, values, None)


def work(folder, spool, first, last):
    """Rounds of two devices; each other second is one call, as on the board or less."""
    for number in range(first, last):
        poll(spool, number)
        for second in range(0, PERIOD, 2000):
            spool.keep(number * PERIOD + second)
        assert folder.bytes() <= folder.limit, folder.levels()


def told(spool):
    """{(boot, seq): (device, up)} of the readings, {(boot, seq): signals} of the losses."""
    spool.rewind()
    readings, losses = {}, {}
    while True:
        text = bytearray()
        reading = spool.take(text)
        if reading is None:
            return readings, losses
        content = json.loads(text + b"}")
        if content["measurement"] == "loss":
            losses[reading[:2]] = dict(content["signals"], up=reading[2])
        else:
            readings[reading[:2]] = content["device"], reading[2]


def explained(key, losses):
    return any(key[0] == boot and seq <= key[1] <= loss["last_seq"] for (boot, seq), loss in losses.items())


def test_nothing_is_thinned_as_long_as_there_is_room():
    with Folder(60_000) as folder:
        spool = folder.start(BOOT)
        work(folder, spool, 0, 200)
        readings, losses = told(spool)
        assert len(readings) == 400 and losses == {} and spool.lost == 0 and set(folder.levels()) == {0}


def test_the_oldest_become_one_per_device_and_minute_and_the_newest_stay():
    with Folder(19_000) as folder:
        spool = folder.start(BOOT)
        work(folder, spool, 0, 450)
        readings, losses = told(spool)
        assert set(folder.levels()) == {0, 1}
        minutes = {}
        for device, up in readings.values():
            minutes.setdefault((device, up // 60000), []).append(up)
        counts = [len(minutes["bms1", minute]) for minute in range(75)]
        thinned = counts[: counts.index(6) - 1]
        assert len(thinned) > 25 and set(thinned) <= {1, 2} and sum(thinned) < 1.2 * len(thinned), counts
        assert set(counts[len(thinned) + 1 :]) == {6}
        whole = [up for _, up in readings.values() if up >= 380 * PERIOD]
        assert len(whole) == 140
        assert all((BOOT, seq) in readings or explained((BOOT, seq), losses) for seq in range(900))
        assert spool.lost == 900 - len(readings) == sum(loss["readings"] for loss in losses.values())
        assert {loss["reason"] for loss in losses.values()} == {"spool_thinned"}


def test_in_the_end_the_oldest_are_one_per_quarter_of_an_hour_then_dropped_and_all_of_it_is_told():
    with Folder(6_000) as folder:
        spool = folder.start(BOOT)
        work(folder, spool, 0, 2500)
        readings, losses = told(spool)
        assert set(folder.levels()) == {0, 1, 2, 3}
        assert all((BOOT, seq) in readings or explained((BOOT, seq), losses) for seq in range(5000))
        assert spool.lost == 5000 - len(readings) == sum(loss["readings"] for loss in losses.values())
        assert {loss["reason"] for loss in losses.values()} == {"spool_thinned", "spool_full"}
        full = [loss for loss in losses.values() if loss["reason"] == "spool_full"]
        assert len(full) == 1, "the losses of what is dropped become one"
        first = min(seq for _, seq in readings)
        assert spool.oldest(BOOT) < first and first > full[0]["last_seq"]


def test_a_loss_tells_where_it_stands_and_how_long_it_lasts():
    with Folder(16_000) as folder:
        spool = folder.start(BOOT)
        work(folder, spool, 0, 450)
        readings, losses = told(spool)
        seq, loss = min((seq, loss) for (_, seq), loss in losses.items())
        gone = [seq for seq in range(loss["last_seq"] + 1) if (BOOT, seq) not in readings]
        assert seq == gone[0] == 2 and loss["up"] == PERIOD
        assert loss["last_seq"] == gone[-1] and loss["readings"] == len(gone)
        assert round(1000 * loss["duration"]) == (gone[-1] // 2 - gone[0] // 2) * PERIOD


def test_what_is_acknowledged_makes_room_and_is_no_loss():
    with Folder(16_000) as folder:
        spool = folder.start(BOOT)
        for part in range(6):
            work(folder, spool, part * 100, part * 100 + 100)
            spool.acknowledge(BOOT, part * 200 + 150, [])
        assert spool.lost == 0 and set(folder.levels()) == {0}


def test_an_ack_in_the_middle_of_a_step_loses_nothing():
    random.seed(5)
    with Folder(7_000) as folder:
        spool = folder.start(BOOT)
        upto = 0
        for number in range(500):
            work(folder, spool, number, number + 1)
            if random.random() < 0.05:
                told(spool)
                upto = max(upto, random.randint(upto, 2 * number))
                spool.acknowledge(BOOT, upto, [])
        readings, losses = told(spool)
        for seq in range(upto + 1, 1000):
            assert (BOOT, seq) in readings or explained((BOOT, seq), losses) or seq <= last_told(losses), seq


def last_told(losses):
    return max([loss["last_seq"] for loss in losses.values()] or [-1])


def test_it_goes_on_after_a_restart_with_what_earlier_boots_left():
    random.seed(2)
    with Folder(9_000) as folder:
        added = {}
        for boot, rounds in ((BOOT, 400), (LATER, 200), (LAST, 300)):
            spool = folder.start(boot)
            work(folder, spool, 0, rounds)
            spool.write()
            added[boot] = 2 * rounds
        readings, losses = told(folder.start("d" * 12))
        for boot, count in added.items():
            assert all((boot, seq) in readings or explained((boot, seq), losses) for seq in range(count)), boot
        assert sum(loss["readings"] for loss in losses.values()) == sum(added.values()) - len(readings)


def test_readings_of_a_silent_device_are_thinned_too():
    with Folder(8_000) as folder:
        spool = folder.start(BOOT)
        for number in range(1000):
            spool.add(PAIR[0], number * PERIOD, None, {}, "bms1: no answer; offline, next asked in 300 s")
            for second in range(0, PERIOD, 1000):
                spool.keep(number * PERIOD + second)
        readings, losses = told(spool)
        assert all((BOOT, seq) in readings or explained((BOOT, seq), losses) for seq in range(1000))


def test_a_thinning_that_was_cut_off_is_begun_again_and_leaves_no_file():
    with Folder(16_000) as folder:
        spool = folder.start(BOOT)
        number = 0
        while not spool._store.thinning or not spool._store.thinning.target.count:
            poll(spool, number)
            spool.keep(number * PERIOD)
            number += 1
        before, _ = told(folder.start(LATER))
        assert not [name for name in os.listdir(ROOT) if name.startswith("000000-")]
        assert len(before) >= 2 * number - 8


def test_old_files_that_were_not_removed_any_more_are_removed_at_the_next_start():
    with Folder(16_000) as folder:
        spool = folder.start(BOOT)
        number = 0
        while 1 not in folder.levels():
            kept = {name: content_of(name) for name in os.listdir(ROOT)}
            work(folder, spool, number, number + 1)
            number += 1
        names = sorted(os.listdir(ROOT))
        for name, content in kept.items():
            if name[7] == "0" and name not in names and not name.startswith("000000"):
                with open(ROOT + "/" + name, "wb") as file:
                    file.write(content)
        assert sorted(os.listdir(ROOT)) != names
        folder.start(LATER)
        assert sorted(os.listdir(ROOT)) == names


def content_of(name):
    with open(ROOT + "/" + name, "rb") as file:
        return file.read()
