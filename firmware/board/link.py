"""Holds the connection to the gateway, over whatever Wi-Fi and broker there are at the moment.

Promises: `run` ends only by the Restart of wifi.py; after any failure it tries again, with waits that grow to a minute. No
wait is without a deadline, and none keeps `last_turn` back for longer than LONGEST_TURN. What went wrong is said once,
and once that it is over. A Wi-Fi that is there and carries nothing is joined anew now and then. What is delivered, and
when again, is up to delivery.py.
"""

import asyncio
import json
import random

from mqtt import Lost, Refused

_PING_EVERY = 15000  # ms
_LONGEST_SILENCE = 25000  # ms without a packet from the broker, pings included
KEEPALIVE = 60  # seconds; the broker publishes the last will after one and a half of it
JOIN_TIME = 20  # seconds for the Wi-Fi
_LONGEST_WAIT = 60000  # ms between two tries
LONGEST_TURN = 150000  # ms: that wait, and every deadline of a connection that is never quite refused
_REJOIN_EVERY = 10  # failures in a row


class Link:
    """`wifi` is a wifi.Ladder, `make_client(heard)` makes an mqtt.Client that is not connected yet, `delivery` a
    Delivery. `now` counts milliseconds, `say` prints one line on the console.
    """

    def __init__(self, unit, boot, firmware, wifi, make_client, delivery, now, say=print):
        self._topic = "powerunit/v1/%s/" % unit
        self._identity = {"boot": boot, "firmware": firmware}
        self._wifi = wifi
        self._make_client = make_client
        self._delivery = delivery
        self._now = now
        self._say = say
        self._failures = 0
        self._complaint = None
        self._broker = False
        self.last_turn = now()  # when this task made its last step, in ms since boot
        self.acknowledged_at = None  # when the gateway acknowledged something last

    def report(self):
        """For a technician. `acknowledged_ago` is in ms, None if the gateway never did; `error` is what is wrong now."""
        acknowledged = self.acknowledged_at
        return {
            "wifi": self._wifi.connected(),
            "rssi": self._wifi.rssi(),
            "broker": self._broker,
            "acknowledged_ago": None if acknowledged is None else self._now() - acknowledged,
            "failures": self._failures,
            "error": self._complaint,
        }

    async def run(self):
        while True:
            self.last_turn = self._now()
            try:
                await self._join()
                await self._session()
            except (Lost, Refused) as error:
                reason = str(error)
            if reason != self._complaint:
                self._complaint = reason
                self._say("link: %s; readings are kept until the gateway has them" % reason)
            longest = min(_LONGEST_WAIT, 1000 << min(self._failures, 6))
            self._failures += 1
            await asyncio.sleep(random.randint(longest // 2, longest) / 1000)

    async def _join(self):
        if self._wifi.connected() and (self._failures + 1) % _REJOIN_EVERY:
            return
        try:
            self._wifi.join()
        except OSError as error:
            raise Lost("Wi-Fi: %s" % error)
        for _ in range(JOIN_TIME * 4):
            await asyncio.sleep(0.25)
            self.last_turn = self._now()
            if self._wifi.connected():
                return
        raise Lost("Wi-Fi not joined in %d s; check ssid, password and reach" % JOIN_TIME)

    async def _session(self):
        client = self._make_client(self._heard)
        status = self._topic.encode() + b"status"
        client.set_last_will(status, self._state("offline"), True, 1)
        try:
            await client.connect()
            await client.subscribe(self._topic.encode() + b"ack")
            await client.publish(status, self._state("online"), True)
            self._say("link: connected to the broker")
            self._complaint = None
            self._broker = True
            self._delivery.start_over()
            await self._deliver(client)
        finally:
            self._broker = False
            await client.close()

    async def _deliver(self, client):
        heard = pinged = self._now()
        while self._wifi.connected():
            self.last_turn = self._now()
            message = self._delivery.next()
            while message:
                await client.publish(self._topic.encode() + b"reading", message)
                self.last_turn = self._now()
                message = None  # its room is needed for the next one
                message = self._delivery.next()
            if self._now() - pinged >= _PING_EVERY:
                pinged = self._now()
                await client.ping()
            if await client.receive(0.2):
                heard = self._now()
            elif self._now() - heard >= _LONGEST_SILENCE:
                raise Lost("broker is silent for %d s" % (_LONGEST_SILENCE // 1000))
        raise Lost("Wi-Fi is gone")

    def _state(self, state):
        return json.dumps(dict(self._identity, state=state)).encode()

    def _heard(self, topic, payload):
        try:
            self._delivery.acknowledge(payload)
            self._failures = 0
            self.acknowledged_at = self._now()
        except ValueError as error:
            self._say("link: %s: no ack, passed over: %s" % (str(topic, "utf-8"), error))
