"""A folder with a spool in it, for one test. For the suites; see run.py."""

import json
import os

import store
from spool import PATIENCE, Spool

ROOT = "spool_of_a_suite_%d" % int.from_bytes(os.urandom(4), "little")
EARLIER, LATER = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


class Source:
    name, model, measurement = "bms1", "jk_pb", "bms"
    signals = ("pack_voltage", "protections")


class Folder:
    """A folder for one test, removed at its end. The files in it are small, so that there are more of them."""

    def __enter__(self):
        os.mkdir(ROOT)
        self.said = []
        self.segment, store.SEGMENT = store.SEGMENT, 2000
        return self

    def __exit__(self, *_):
        store.SEGMENT = self.segment
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


def add(spool, number, up=0, utc=None):
    spool.add(Source, up, utc, {"pack_voltage": (number, 3), "protections": (number % 7 << 25, 0)}, None)


def filled(folder, boot, count, limit=1_000_000):
    """A spool with `count` readings, one each 10 s, that no one acknowledged."""
    spool = folder.start(boot, limit)
    for number in range(count):
        add(spool, number, number * 10000)
        spool.keep(number * 10000)
    spool.keep(count * 10000 + PATIENCE)
    return spool


def taken(spool):
    readings = []
    while True:
        text = bytearray()
        reading = spool.take(text)
        if reading is None:
            return readings
        readings.append(reading + (text,))


def seqs(spool):
    return [reading[1] for reading in taken(spool)]


def contents(readings):
    return [json.loads(reading[3] + b"}") for reading in readings]
