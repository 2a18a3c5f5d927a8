"""`micropython spool_cost.py FILE` prints what the readings in FILE cost the flash while no gateway takes them, as one JSON
object. FILE has one JSON array per line: first the sources, name → [model, measurement, signals], then the readings,
[name, up, values]. The flash is 2 MB of the geometry that the ESP32's is used with.
"""

import gc
import json
import os
import sys

gc.threshold(500_000)
from ram_flash import BLOCK, ROOT, Flash, mounted, unmounted
import vfs
from spool import Spool

BOOT_UTC = 1_795_500_000_000
LIMIT = 1_500_000


class Source:
    def __init__(self, name, model, measurement, signals):
        self.name, self.model, self.measurement, self.signals = name, model, measurement, tuple(signals)


flash = Flash(blocks=512)
vfs.VfsLfs2.mkfs(flash)
mounted(flash)
said = []
spool = Spool(ROOT + "/readings", "0123456789ab", LIMIT, said.append)
written, erased = flash.written, flash.erased
count = now = 0
with open(sys.argv[1]) as file:
    sources = {name: Source(name, *source) for name, source in json.loads(file.readline()).items()}
    for line in file:
        name, up, values = json.loads(line)
        while now < up:  # as often as the unit does
            now = min(now + 1000, up)
            spool.keep(now)
        values = {signal: tuple(value) if isinstance(value, list) else value for signal, value in values.items()}
        spool.add(sources[name], up, BOOT_UTC + up, values, None)
        count += 1
spool.write()
taken = {}
while True:
    text = bytearray()
    reading = spool.take(text)
    if reading is None:
        break
    content = json.loads(text + b"}")
    assert content["t"] == BOOT_UTC + reading[2]
    kind = content["measurement"]
    taken[kind] = taken.get(kind, 0) + (content["signals"]["readings"] if kind == "loss" else 1)
print(json.dumps({
    "readings": count, "written": flash.written - written, "erased": flash.erased - erased, "held": spool.report()["flash_bytes"],
    "blocks": os.statvfs(ROOT)[2] - os.statvfs(ROOT)[3], "block": BLOCK, "taken": taken, "said": len(said),
}))  # fmt: skip
unmounted()
