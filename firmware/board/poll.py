"""Polls the devices one after the other, and the board itself, and hands each reading to the spool.

Promises: each device gives one reading per period, also when nothing could be read: its `signals` are empty then and
`error` says why. A signal that was not read in this poll is absent, also if only one of the blocks that give it was not
read. After the first block without a valid answer, be it silence or noise, a device is asked no further, so it costs
the others no more than the tries of one block, and the master's wait for what is owed (docs/decisions/022). A refusal
is a valid answer. Numbers are written from integers, never from floats.
"""

import asyncio
import json

from decode import to_json
from modbus import NoReading

HEALTH_PERIOD = 60  # seconds
_NOT_THERE = (1, 2)  # the exceptions "illegal function" and "illegal data address"; the others may pass
_LONGEST_ERROR = 200  # characters, as in gateway/schema/reading.schema.json


class Device:
    """One device on the bus. `profile` is a decode.Profile."""

    def __init__(self, name, address, profile):
        self.name = name
        self.address = address
        self.profile = profile
        self.fails = False


def reading(device, model, measurement, t, signals, errors):
    """A reading's JSON text from `"device"` on, without the braces; `signals` is a JSON object, `t` UTC in ms or None."""
    text = '"device":"%s","model":"%s","measurement":"%s","t":%s,"signals":%s' % (
        device,
        model,
        measurement,
        "null" if t is None else t,
        signals,
    )
    if errors:
        text += ',"error":' + json.dumps("; ".join(errors)[:_LONGEST_ERROR])
    return text


class Poller:
    """`master` is a modbus.Master, `clock` a Clock, `spool` a Spool; `say` prints one line on the console."""

    def __init__(self, devices, master, clock, spool, say=print):
        self._devices = devices
        self._master = master
        self._clock = clock
        self._spool = spool
        self._say = say
        self.last_round = clock.now()  # when the last one ended, in ms since boot

    async def run(self, period):
        """Polls every `period` seconds; a round that takes longer makes the next one start at once."""
        due = self._clock.now()
        while True:
            for device in self._devices:
                await self.poll(device)
            self.last_round = self._clock.now()
            due = max(due + period * 1000, self._clock.now())
            await asyncio.sleep((due - self._clock.now()) / 1000)

    def report(self):
        """For a technician: what is known of each device."""
        return [{"name": each.name, "state": "suspect" if each.fails else "online"} for each in self._devices]

    async def poll(self, device):
        """Reads every block of `device` once and adds the reading to the spool."""
        profile = device.profile
        up = self._clock.now()
        values = {}
        errors = []
        unread = list(profile.reads)
        for block in profile.reads:
            try:
                data = await self._master.read(device.name, profile, device.address, *block)
            except NoReading as error:
                if error.refusal in _NOT_THERE and block in profile.optional:
                    unread.remove(block)
                    continue
                errors.append(str(error))
                if error.refusal is None:
                    break
            else:
                unread.remove(block)
                values.update(profile.decode(*block, data))
        for block in unread:
            for name in profile.names(*block):
                values.pop(name, None)
        profile.complete(values)
        signals = to_json(values)
        self._spool.add(
            up, reading(device.name, profile.model, profile.measurement, self._clock.utc(up), signals, errors)
        )
        self._report(device, errors)

    def _report(self, device, errors):
        if errors and not device.fails:
            self._say(errors[0])
        elif device.fails and not errors:
            self._say("%s: answers again" % device.name)
        device.fails = bool(errors)


class Health:
    """The board as a device of its own. `state` is a State; `heap_free`, `rssi` (None while not joined) and `stall` (the
    longest of the event loop since it was asked last, in ms) are asked.
    """

    def __init__(self, state, heap_free, rssi, stall, clock, spool):
        self._state = state
        self._heap_free = heap_free
        self._rssi = rssi
        self._stall = stall
        self._clock = clock
        self._spool = spool

    async def run(self):
        while True:
            self.poll()
            await asyncio.sleep(HEALTH_PERIOD)

    def poll(self):
        """Adds one reading of the board to the spool."""
        up = self._clock.now()
        starts = self._state.report()
        values = {
            "uptime": (up, 3),
            "heap_free": (self._heap_free(), 0),
            "reset_cause": starts["reset_cause"],
            "starts": (starts["starts"], 0),
            "loop_stall": (self._stall(), 3),
            "spool_readings": (self._spool.readings(), 0),
            "readings_lost": (self._spool.lost, 0),
        }
        if starts["last_error"]:
            values["last_error"] = starts["last_error"]
        rssi = self._rssi()
        if rssi is not None:
            values["wifi_rssi"] = (rssi, 0)
        self._spool.add(up, reading("board", "esp32", "unit", self._clock.utc(up), to_json(values), ()))
