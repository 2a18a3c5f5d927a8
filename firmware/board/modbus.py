"""The RTU master. It only ever reads.

Promises: one question is on the bus at a time, each try ends by one deadline, and data is handed out only from a reply
that fits the question in address, function, length and CRC. Bytes that came before the question are dropped. Where an
answer may still be under way that the next question could take for its own, the master first waits until that answer's
time is over.
Does not promise anything about an answer that comes later still: on RTU it looks like a fresh one.
"""

import asyncio

import rtu

TRIES = 3
_BITS = 11  # per character on the wire, at most
_LONGEST = 512  # bytes of noise to search for a reply; the longest reply has 255


class NoReading(Exception):
    """A block could not be read; the message is one line for a technician. `silent`: not one byte came; `refused`: the
    device answered, with an exception."""

    def __init__(self, message, silent=False, refused=False):
        super().__init__(message)
        self.silent = silent
        self.refused = refused


class Master:
    """Owns the bus on `serial`, which is a board.Serial. `now` counts milliseconds and never goes back."""

    def __init__(self, serial, now, sleep=asyncio.sleep):
        self._serial = serial
        self._now = now
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._last_byte = now()
        self._heard = b""
        self._owed = None  # (question, until): an answer to it may still come

    async def read(self, name, profile, address, function, start, count):
        """The data bytes of `count` registers or bits from `start`. Raises NoReading."""
        who = "%s (%s, address %d)" % (name, profile.model, address)
        async with self._lock:
            question = rtu.request(address, function, start, count)
            self._serial.configure(profile.baudrate, profile.parity, profile.stop_bits)
            await self._outwait(question)
            frames_ms = rtu.reply_length(function, count) * _BITS * 1000 // profile.baudrate + 1
            deadline = profile.timeout_ms + frames_ms
            for _ in range(TRIES):
                await self._sleep_until(self._last_byte + profile.gap_ms)
                try:
                    return await self._ask(question, deadline)
                except asyncio.TimeoutError:
                    self._owed = (question, self._now() + deadline)
                except rtu.DeviceException as refusal:
                    what = "%d from 0x%04X with function %d" % (count, start, function)
                    raise NoReading("%s: refuses to give %s: %s" % (who, what, refusal), refused=True)
        effort = "%d ms, %d tries" % (profile.timeout_ms, TRIES)
        if self._heard:
            raise NoReading(
                "%s: no valid answer in %s, but %d bytes (%s); check baud rate, termination and other masters"
                % (who, effort, len(self._heard), self._heard[:8].hex())
            )
        raise NoReading("%s: no answer in %s; check A/B wiring and the address switch" % (who, effort), silent=True)

    async def _ask(self, question, deadline):
        self._serial.clear()
        self._heard = b""
        await self._serial.write(question)
        self._last_byte = self._now()
        return await asyncio.wait_for(self._listen(question), deadline / 1000)

    async def _listen(self, question):
        while True:
            received = await self._serial.read(_LONGEST)
            self._last_byte = self._now()
            self._heard = (self._heard + received)[-_LONGEST:]
            reply = rtu.find_reply(question, self._heard)
            if reply:
                try:
                    return rtu.payload(question, reply)
                except rtu.BadReply:  # half a frame whose CRC fits by chance
                    continue

    async def _outwait(self, question):
        """Waits while an answer may come that looks like this question's: same address, function and count."""
        owed, self._owed = self._owed, None
        if owed and owed[0] != question and (owed[0][:2], owed[0][4:6]) == (question[:2], question[4:6]):
            await self._sleep_until(owed[1])

    async def _sleep_until(self, when):
        left = when - self._now()
        if left > 0:
            await self._sleep(left / 1000)
