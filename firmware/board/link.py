"""Delivers the spool to the gateway, over whatever Wi-Fi and broker there are at the moment.

Promises: `run` never ends; after any failure it tries again, with waits that grow to a minute. A reading is published again
after a reconnect, or when it stays without an ack for 20 s. At most `WINDOW` readings are under way without an ack. What went
wrong is said once, and once that it is over.
Does not promise delivery in order: fresh readings overtake the backlog.
"""

import asyncio
import json
import random

from mqtt import Lost, Refused

WINDOW = 16
RESEND_AFTER = 20000  # ms
PING_EVERY = 15000  # ms
LONGEST_SILENCE = 25000  # ms without a packet from the broker, pings included
KEEPALIVE = 60  # seconds; the broker publishes the last will after one and a half of it
JOIN_TIME = 20  # seconds for the Wi-Fi
LONGEST_WAIT = 60000  # ms between two tries


def parse_ack(message):
    """(boot, seq, beyond, utc, sent, held) of an ack as gateway/schema/ack.schema.json has it. Raises ValueError."""
    ack = json.loads(message)
    try:
        boot = ack["boot"]
        beyond = [(first, last) for first, last in ack["beyond"]]
        numbers = [ack["seq"], ack["sent"], ack["held"]]
        utc = ack["utc"]
    except (KeyError, TypeError, ValueError):
        raise ValueError("a key is missing or of the wrong kind")
    for pair in beyond:
        numbers.extend(pair)
    if utc is not None:
        numbers.append(utc)
    if not isinstance(boot, str) or not all(isinstance(number, int) for number in numbers):
        raise ValueError("a value is of the wrong kind")
    return boot, ack["seq"], beyond, utc, ack["sent"], ack["held"]


def message(reading, own_boot, now, oldest):
    """What is published for a reading from Spool.take, as bytes.

    A reading of an earlier boot was published no earlier than it was measured, and that is all that is known on that
    boot's clock: `sent` is its `up` then, so that what the gateway makes of it is too late and never too early.
    """
    boot, seq, up, text = reading
    sent = now if boot == own_boot else up
    return ('{"boot":"%s","seq":%d,"up":%d,"sent":%d,"oldest":%d,%s}' % (boot, seq, up, sent, oldest, text)).encode()


class Link:
    """`wifi` is a board.Wifi, `make_client(heard)` makes an mqtt.Client that is not connected yet."""

    def __init__(self, unit, firmware, wifi, make_client, spool, clock, say=print):
        self._topic = "powerunit/v1/%s/" % unit
        self._firmware = firmware
        self._wifi = wifi
        self._make_client = make_client
        self._spool = spool
        self._clock = clock
        self._say = say
        self._window = []  # (boot, seq, published at), oldest first
        self._waiting_since = 0
        self._failures = 0
        self._complaint = None

    async def run(self):
        while True:
            try:
                await self._join()
                await self._session()
            except (Lost, Refused) as error:
                self._complain(str(error))
            except OSError as error:
                self._complain("Wi-Fi: %s" % error)
            longest = min(LONGEST_WAIT, 1000 << min(self._failures, 6))
            self._failures += 1
            await asyncio.sleep(random.randint(longest // 2, longest) / 1000)

    def _complain(self, reason):
        if reason != self._complaint:
            self._complaint = reason
            self._say("link: %s; readings are kept until the gateway has them" % reason)

    async def _join(self):
        if self._wifi.connected():
            return
        self._wifi.join()
        for _ in range(JOIN_TIME * 4):
            if self._wifi.connected():
                return
            await asyncio.sleep(0.25)
        raise Lost("Wi-Fi not joined in %d s; check ssid, password and reach" % JOIN_TIME)

    def _status(self, state):
        status = {"state": state, "boot": self._spool.boot, "firmware": self._firmware}
        return (self._topic + "status").encode(), json.dumps(status).encode()

    async def _session(self):
        client = self._make_client(self._heard)
        topic, offline = self._status("offline")
        client.set_last_will(topic, offline, True, 1)
        try:
            await client.connect()
            await client.subscribe((self._topic + "ack").encode())
            topic, online = self._status("online")
            await client.publish(topic, online, True)
            self._say("link: connected to the broker")
            self._complaint = None
            self._start_over()
            await self._deliver(client)
        finally:
            await client.close()

    async def _deliver(self, client):
        heard = pinged = self._clock.now()
        while self._wifi.connected():
            now = self._clock.now()
            self._resend_what_waits(now)
            await self._fill_window(client)
            if now - pinged >= PING_EVERY:
                pinged = now
                await client.ping()
            if await client.receive(0.2):
                heard = self._clock.now()
            elif now - heard >= LONGEST_SILENCE:
                raise Lost("broker is silent for %d s" % (LONGEST_SILENCE // 1000))
        raise Lost("Wi-Fi is gone")

    def _start_over(self):
        self._window = []
        self._waiting_since = self._clock.now()
        self._spool.rewind()

    def _resend_what_waits(self, now):
        if self._window:
            self._waiting_since = self._window[0][2]
        elif not self._spool.readings():
            self._waiting_since = now
        if now - self._waiting_since >= RESEND_AFTER:
            self._start_over()

    async def _fill_window(self, client):
        while len(self._window) < WINDOW:
            reading = self._spool.take()
            if reading is None:
                return
            now = self._clock.now()
            self._window.append((reading[0], reading[1], now))
            payload = message(reading, self._spool.boot, now, self._spool.oldest(reading[0]))
            await client.publish((self._topic + "reading").encode(), payload)

    def _heard(self, topic, payload):
        try:
            boot, seq, beyond, utc, sent, held = parse_ack(payload)
        except ValueError as error:
            self._say("link: %s: not an ack, passed over: %s" % (topic.decode(), error))
            return
        self._failures = 0
        self._spool.acknowledge(boot, seq, beyond)
        self._window = [
            entry
            for entry in self._window
            if entry[0] != boot
            or not (entry[1] <= seq or any(first <= entry[1] <= last for first, last in beyond))
        ]
        if boot == self._spool.boot:
            self._clock.learn(utc, sent, held)
