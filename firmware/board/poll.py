"""Polls the devices one after the other, and the board itself, and hands each reading to the spool.

Promises: each device gives one reading per period, also when nothing could be read or when it is offline and was not
asked: its values are empty then and its error says why. A signal that was not read in this poll is absent, also if only
one of the blocks that give it was not read; so is what is computed of all cells when one of them was not read. Whatever
a device does, be it dead, babbling or slow, it costs the others at most `BUDGET` of a round: all its blocks, their
tries, what is owed (docs/decisions/022) and what is divided go on its account. After the first block without a valid
answer it is asked no further; a refusal is a valid answer. One that comes back from offline is asked anew for its
layout and for all that it once refused, and once an hour for the latter while it is there. Numbers are written from
integers, never from floats.
"""

import asyncio

from modbus import TRIES, NoReading

BUDGET = 5000  # ms that one device may take of a round
HEALTH_PERIOD = 60  # seconds
_NOT_THERE = (1, 2)  # the exceptions "illegal function" and "illegal data address"; the others may pass
_OF_ALL_CELLS = ("cell_voltage_min", "cell_voltage_max", "cell_voltage_spread")
_LONGEST_ERROR = 200  # characters, as in gateway/schema/reading.schema.json


class Poller:
    """`devices` are of class Device, `master` is a modbus.Master, `clock` a Clock, `spool` a Spool; `say` prints one
    line on the console. `saving` is None or (name of a device, state of charge in %, period in s), see saving.py.
    """

    def __init__(self, devices, master, clock, spool, say=print, saving=None):
        self._devices = devices
        self._master = master
        self._clock = clock
        self._spool = spool
        self._say = say
        self._saving = None
        if saving:
            from saving import Saving  # only here: a unit that saves nothing spends no heap on it

            self._saving = Saving(saving[0], saving[1], saving[2], say)
        self.last_round = clock.now()  # when the last one ended, in ms since boot

    async def run(self, period, sleep=asyncio.sleep):
        """Polls every `period` seconds, or less often to save; a round that takes longer makes the next one start at
        once.
        """
        due = self._clock.now()
        while True:
            for device in self._devices:
                await self.poll(device)
            self.last_round = now = self._clock.now()
            wait = self._saving.period(period, now) if self._saving else period
            due = max(due + wait * 1000, now)
            await sleep((due - now) / 1000)

    async def poll(self, device):
        """Adds one reading of `device` to the spool, and one of its tally when that is due."""
        up = self._clock.now()
        utc = self._clock.utc(up)
        values = {}
        if device.presence.is_due(up):
            device.forget_old_refusals(up)
            await self._ask(device, up + BUDGET, values)
        if self._saving:
            self._saving.heard(device.name, values.get("soc"), up)
        self._spool.add(device, up, utc, values, device.error)
        state = device.presence.state()
        if device.tally.is_due(state, up):
            self._spool.add(device.tally, up, utc, device.tally.take(state, up), None)

    def report(self):
        """Of each device: name, model, address, state, requests, errors by kind, latency_ms and error."""
        return [device.report() for device in self._devices]

    async def _ask(self, device, until, values):
        errors = []
        read = []
        device.presence.begin()
        try:
            await self._read_all(device, until, values, read, errors)
        except NoReading as error:
            errors.append(str(error))
            if error.refusal is None:
                device.presence.missed(self._clock.now())
        unread = [name for block in device.unread(read) for name in device.profile.names(*block)]
        for name in unread:
            values.pop(name, None)
        device.profile.complete(values)
        if any([name.startswith("cell_") for name in unread]):
            for name in _OF_ALL_CELLS:
                values.pop(name, None)
        if device.refusal:
            errors.append(device.refusal)
        if errors and not device.error:
            self._say(errors[0])
        elif device.error and not errors:
            self._say("%s: answers again" % device.name)
        if device.presence.state() == "offline":
            device.start_anew()
            errors[0] += "; offline"
        elif not device.reads:  # all of it was refused, and whoever is asked nothing cannot be heard again
            device.start_anew()
        device.error = "; ".join(errors)[:_LONGEST_ERROR] or None

    async def _read_all(self, device, until, values, read, errors):
        """Raises NoReading where the device is asked no further."""
        profile = device.profile
        if not device.is_settled:
            if profile.probe:
                told = await self._read(device, profile.probe, until)
                profile.settle(told)
                device.start_anew(is_settled=True)
                if not device.reads:
                    errors.append(
                        "%s (%s, address %d): %s is no layout that its profile knows; check the model"
                        % (device.name, device.model, device.address, told.hex())
                    )
            device.is_settled = True
        place = 0
        while place < len(device.reads):
            block = device.reads[place]
            try:
                data = await self._read(device, block, until)
            except NoReading as error:
                if error.refusal is None:
                    if read and device.is_silent(block, self._clock.now()):
                        continue
                    raise
                if error.refusal in _NOT_THERE:
                    device.refuse(block, str(error), error.refusal == 2, self._clock.now())
                    continue
                errors.append(str(error))
            else:
                if block in device.optional:
                    device.silences = 0
                values.update(profile.decode(*block, data))
                read.append(block)
            place += 1

    async def _read(self, device, block, until):
        tries = 1 if device.presence.state() == "offline" else TRIES
        try:
            data = await self._master.read(
                device.name, device.profile, device.address, *block, tally=device.tally, until=until, tries=tries
            )
        except NoReading as error:
            if error.refusal is not None:
                device.presence.answered()
            raise
        device.presence.answered()
        return data


class Health:
    """The board as a source of its own. `state` is a State; `heap_free`, `rssi` (None while not joined) and `stall` (the
    longest of the event loop since it was asked last, in ms) are asked.
    """

    name, model, measurement = "board", "esp32", "unit"
    signals = (
        "uptime",
        "heap_free",
        "reset_cause",
        "starts",
        "loop_stall",
        "spool_readings",
        "readings_lost",
        "last_error",
        "wifi_rssi",
    )

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
        self._spool.add(self, up, self._clock.utc(up), values, None)
