"""The RTU master. It only ever reads.

Promises: one question is on the bus at a time, each try ends by one deadline, all tries of one read end by `until`, and
data is handed out only from a reply that fits the question in address, function, length and CRC. Bytes that came before
the question are dropped. While an answer to an earlier question may still be under way, the master asks nothing that it
could be taken for: that is, what is answered from the same address with the same function, because an exception tells
no more. An answer is awaited for two deadlines, or one longer than a late one has taken. After a byte on the bus it is silent for as long as both the device
asked last and the one asked next need it.
Does not promise anything about an answer that comes later still: on RTU it looks like a fresh one.
"""

import asyncio

import rtu
from tally import BUSY, FAILED, FOREIGN, NOISE, REFUSED, SILENCE, Tally

TRIES = 3
_BITS = 11  # per character on the wire, at most
_LONGEST = 512  # bytes of noise to search for a reply; the longest reply has 255
_TRANSIENT = (5, 6)  # the exceptions "acknowledge" and "busy": the same question is answered later
_LACKING = (1, 2, 3)  # the exceptions of a device that does not have what was asked


class NoReading(Exception):
    """A block could not be read; the message is one line for a technician, and one of few, because the spool keeps each.
    `refusal` is the code of the exception with which the device answered, None if no valid answer came."""

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
        self._gap_ms = 0  # of the device asked last
        self._heard = b""
        self._first_try = 0  # of this read, in ms
        self._owed = {}  # (address, function) of the reply as bytes -> ms until which an answer may still come

    async def read(self, name, profile, address, function, start, count, tally=None, until=None, tries=TRIES):
        """The data bytes of `count` registers or bits from `start`. Raises NoReading.

        No try begins that might end after `until`, in ms as `now` counts them. What became of each is told to `tally`.
        """
        tally = tally or Tally(name, profile.model)
        who = "%s (%s, address %d)" % (name, profile.model, address)
        what = "%d from 0x%04X with function %d" % (count, start, function)
        question = rtu.request(address, function, start, count)
        answered = rtu.request(profile.reply_address(address), function, start, count)  # as the reply will tell it
        reply_ms = profile.timeout_ms + _wire_ms(rtu.reply_length(function, count), profile.baudrate)
        try_ms = _wire_ms(len(question), profile.baudrate) + reply_ms
        refusal = None
        tried = 0
        async with self._lock:
            self._serial.configure(profile.baudrate, profile.parity, profile.stop_bits)
            gap_ms = max(profile.gap_ms, self._gap_ms)
            self._gap_ms = profile.gap_ms
            ready = self._owed.get(answered[:2], 0)
            while tried < tries:
                ready = max(ready, self._last_byte + gap_ms, self._now())
                if until is not None and ready + try_ms > until:
                    break
                await self._sleep_until(ready)
                if not tried:
                    self._forget_what_is_owed_no_more()
                tried += 1
                tally.requests += 1
                try:
                    return await self._ask(question, answered, reply_ms, tally)
                except asyncio.TimeoutError:
                    refusal = None
                    heard = self._heard.replace(question, b"")  # its echo
                    kind = FOREIGN if rtu.holds_reply(heard) else NOISE if heard else SILENCE
                    tally.failed(kind)
                except rtu.DeviceException as exception:
                    refusal = exception
                    if exception.code not in _TRANSIENT:
                        tally.failed(REFUSED if exception.code in _LACKING else FAILED)
                        break
                    tally.failed(BUSY)
                    ready = self._now() + profile.timeout_ms
        if refusal:
            raise NoReading("%s: refuses to give %s: %s" % (who, what, refusal), refusal.code)
        if not tried:
            raise NoReading(
                "%s: no time left for %s; it answers too late, check wiring and other masters" % (who, what)
            )
        effort = "%d ms, %d %s" % (profile.timeout_ms, tried, "try" if tried == 1 else "tries")
        if heard:
            what = "another's answer" if kind == FOREIGN else "noise"
            raise NoReading(
                "%s: no valid answer in %s, but %s; check baud rate, termination and other masters"
                % (who, effort, what)
            )
        raise NoReading("%s: no answer in %s; check A/B wiring and the address switch" % (who, effort))

    async def _ask(self, question, answered, reply_ms, tally):
        kind = answered[:2]
        again = kind in self._owed
        self._serial.clear()
        self._heard = b""
        self._serial.write(question)
        self._last_byte = asked_at = self._now()
        self._owed[kind] = asked_at + 2 * reply_ms
        if not again:
            self._first_try = asked_at
        reply = await self._wait_for(self._listen(answered), reply_ms / 1000)
        if again:  # it may be the answer to the first try, and this one's is still to come, as late as that
            self._owed[kind] = asked_at + max(2 * reply_ms, self._last_byte - self._first_try + reply_ms)
        else:
            del self._owed[kind]
            tally.answered(self._last_byte - asked_at)
        return rtu.payload(answered, reply)

    async def _listen(self, answered):
        reply = None
        while not reply:
            received = await self._serial.read(_LONGEST)
            self._last_byte = self._now()
            self._heard = (self._heard + received)[-_LONGEST:]
            reply = rtu.find_reply(answered, self._heard)
        return reply

    def _forget_what_is_owed_no_more(self):
        now = self._now()
        self._owed = {kind: until for kind, until in self._owed.items() if until > now}

    async def _sleep_until(self, when):
        left = when - self._now()
        while left > 0:  # asyncio.sleep may end a ms early: to the ESP32 int(0.251 * 1000) is 250
            await self._sleep(left / 1000)
            left = when - self._now()


def _wire_ms(characters, baudrate):
    return characters * _BITS * 1000 // baudrate + 1
