"""Polls the devices one after the other, and the board itself, and hands each reading to the spool.

Promises: each device gives one reading per period, also when nothing could be read: its `signals` are empty then and
`error` says why. A signal that was not read in this poll is absent, also if only one of the blocks that give it was not
read. After the first block without a valid answer, be it silence or noise, a device is asked no further, so it costs
the others no more than the tries of one block, and the master's wait for what is owed (docs/decisions/022). A refusal
is a valid answer. Numbers are written from integers, never from floats.
"""

import asyncio

from modbus import NoReading

HEALTH_PERIOD = 60  # seconds
_NOT_THERE = (1, 2)  # the exceptions "illegal function" and "illegal data address"; the others may pass
_LONGEST_ERROR = 200  # characters, as in gateway/schema/reading.schema.json


class Device:
    """One device on the bus, and the source of its readings. `profile` is a decode.Profile."""

    def __init__(self, name, address, profile):
        self.name = name
        self.address = address
        self.profile = profile
        self.fails = False

    @property
    def model(self):
        return self.profile.model

    @property
    def measurement(self):
        return self.profile.measurement

    @property
    def signals(self):
        return self.profile.signals


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
        error = "; ".join(errors)[:_LONGEST_ERROR] if errors else None
        self._spool.add(device, up, self._clock.utc(up), values, error)
        self._report(device, errors)

    def _report(self, device, errors):
        if errors and not device.fails:
            self._say(errors[0])
        elif device.fails and not errors:
            self._say("%s: answers again" % device.name)
        device.fails = bool(errors)


class Health:
    """The board as a source of its own. `reset_cause` is the text, `heap_free` and `rssi` (None while not joined) are
    asked.
    """

    name, model, measurement = "board", "esp32", "unit"
    signals = ("uptime", "heap_free", "reset_cause", "spool_readings", "readings_lost", "wifi_rssi")

    def __init__(self, reset_cause, heap_free, rssi, clock, spool):
        self._reset_cause = reset_cause
        self._heap_free = heap_free
        self._rssi = rssi
        self._clock = clock
        self._spool = spool

    async def run(self):
        while True:
            self.poll()
            await asyncio.sleep(HEALTH_PERIOD)

    def poll(self):
        """Adds one reading of the board to the spool."""
        up = self._clock.now()
        values = {
            "uptime": (up, 3),
            "heap_free": (self._heap_free(), 0),
            "reset_cause": self._reset_cause,
            "spool_readings": (self._spool.readings(), 0),
            "readings_lost": (self._spool.lost, 0),
        }
        rssi = self._rssi()
        if rssi is not None:
            values["wifi_rssi"] = (rssi, 0)
        self._spool.add(self, up, self._clock.utc(up), values, None)
