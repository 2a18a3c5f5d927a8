"""The RTU master. It only ever reads.

Promises: one question is on the bus at a time, each try ends by one deadline, and data is handed out only from a reply
that fits the question in address, function, length and CRC. Bytes that came before the question are dropped. While an
answer to an earlier question may still be under way, the master asks nothing that it could be taken for: that is, the
same device with the same function, because an exception tells no more. An answer is awaited for two deadlines.
Does not promise anything about an answer that comes later still: on RTU it looks like a fresh one.
"""

import asyncio

import rtu

TRIES = 3
_BITS = 11  # per character on the wire, at most
_LONGEST = 512  # bytes of noise to search for a reply; the longest reply has 255


class NoReading(Exception):
    """A block could not be read; the message is one line for a technician. `refusal` is the code of the exception with
    which the device answered, None if no valid answer came."""

    def __init__(self, message, refusal=None):
        super().__init__(message)
        self.refusal = refusal


class Master:
    """Owns the bus on `serial`, which is a board.Serial. `now` counts milliseconds and never goes back."""

    def __init__(self, serial, now, sleep=asyncio.sleep, wait_for=asyncio.wait_for):
        self._serial = serial
        self._now = now
        self._sleep = sleep
        self._wait_for = wait_for
        self._lock = asyncio.Lock()
        self._last_byte = now()
        self._heard = b""
        self._owed = {}  # (address, function) as bytes -> ms until which an answer may still come

    async def read(self, name, profile, address, function, start, count):
        """The data bytes of `count` registers or bits from `start`. Raises NoReading."""
        who = "%s (%s, address %d)" % (name, profile.model, address)
        async with self._lock:
            question = rtu.request(address, function, start, count)
            answered = rtu.request(profile.reply_address(address), function, start, count)
            self._serial.configure(profile.baudrate, profile.parity, profile.stop_bits)
            await self._sleep_until(self._owed.pop(question[:2], self._now()))
            frames_ms = rtu.reply_length(function, count) * _BITS * 1000 // profile.baudrate + 1
            for _ in range(TRIES):
                await self._sleep_until(self._last_byte + profile.gap_ms)
                try:
                    return await self._ask(question, answered, profile.timeout_ms + frames_ms)
                except asyncio.TimeoutError:
                    continue
                except rtu.DeviceException as refusal:
                    what = "%d from 0x%04X with function %d" % (count, start, function)
                    raise NoReading("%s: refuses to give %s: %s" % (who, what, refusal), refusal.code)
        effort = "%d ms, %d tries" % (profile.timeout_ms, TRIES)
        if self._heard:
            raise NoReading(
                "%s: no valid answer in %s, but %d bytes (%s); check baud rate, termination and other masters"
                % (who, effort, len(self._heard), self._heard[:8].hex())
            )
        raise NoReading("%s: no answer in %s; check A/B wiring and the address switch" % (who, effort))

    async def _ask(self, question, answered, deadline):
        kind = question[:2]
        again = kind in self._owed
        self._serial.clear()
        self._heard = b""
        self._serial.write(question)
        self._last_byte = self._now()
        self._owed[kind] = self._last_byte + 2 * deadline
        reply = await self._wait_for(self._listen(answered), deadline / 1000)
        if not again:  # otherwise it may be the answer to an earlier try, and this one's is still to come
            del self._owed[kind]
        return rtu.payload(answered, reply)

    async def _listen(self, answered):
        reply = None
        while not reply:
            received = await self._serial.read(_LONGEST)
            self._last_byte = self._now()
            self._heard = (self._heard + received)[-_LONGEST:]
            reply = rtu.find_reply(answered, self._heard)
        return reply

    async def _sleep_until(self, when):
        left = when - self._now()
        if left > 0:
            await self._sleep(left / 1000)
