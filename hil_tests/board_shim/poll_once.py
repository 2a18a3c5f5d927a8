"""`micropython poll_once.py FOLDER MODEL ADDRESS` polls one device on the bus once, with the board's own serial port,
master and decoder, and prints the signals as one JSON object. FOLDER holds the compiled profiles.
"""

import asyncio
import json
import sys
import time
import vfs

vfs.mount(vfs.VfsPosix("/"), "/.host")  # where the shim's `machine` looks for the bus

import board
import modbus
from decode import Profile, decimal

FOLDER, MODEL, ADDRESS = sys.argv[1], sys.argv[2], int(sys.argv[3])


def load(name):
    with open("%s/%s.json" % (FOLDER, name)) as file:
        return json.load(file)


async def poll():
    profile = Profile(load(MODEL), ADDRESS, load)
    master = modbus.Master(board.Serial(1, 17, 16), time.ticks_ms)
    if profile.probe:
        profile.settle(await master.read("device", profile, ADDRESS, *profile.probe))
    values = {}
    for block in profile.reads:
        try:
            data = await master.read("device", profile, ADDRESS, *block)
        except modbus.NoReading as error:
            if error.refusal is None or block not in profile.optional:
                raise
        else:
            values.update(profile.decode(*block, data))
    profile.complete(values)
    print("{%s}" % ",".join([_json(name, value) for name, value in values.items()]))


def _json(name, value):
    return '"%s":%s' % (name, decimal(*value) if isinstance(value, tuple) else json.dumps(value))


asyncio.run(poll())
