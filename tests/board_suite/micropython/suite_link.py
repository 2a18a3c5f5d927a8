"""What the link says of which failure. Runs under MicroPython alone, with umqtt on the path; see ../run.py. `Radio`,
`Broker` and `Deliveries` stand in for the Wi-Fi, a connected mqtt.Client and the Delivery.
"""

import asyncio

from link import Link
from mqtt import Lost


class Radio:
    def __init__(self, fails=None):
        self.fails = fails

    def connected(self):
        return self.fails is None

    def join(self):
        raise self.fails


class Broker:
    def __init__(self, heard):
        self.closed = False

    def set_last_will(self, topic, message, retain, qos):
        pass

    async def connect(self):
        pass

    async def subscribe(self, topic):
        pass

    async def publish(self, topic, message, retain=False):
        pass

    async def close(self):
        self.closed = True


class Deliveries:
    def __init__(self, fails):
        self.fails = fails

    def start_over(self):
        pass

    def next(self):
        raise self.fails


async def some_time(link):
    running = asyncio.create_task(link.run())
    await asyncio.sleep_ms(20)
    if running.done():
        await running
    running.cancel()


def said(radio, delivery):
    lines = []
    asyncio.run(some_time(Link("raft-01", "aaaaaaaaaaaa", "0", radio, Broker, delivery, lambda: 0, lines.append)))
    return lines


def test_a_radio_that_does_not_start_is_the_wifi():
    lines = said(Radio(OSError("Wifi Internal Error")), None)
    assert lines == ["link: Wi-Fi: Wifi Internal Error; readings are kept until the gateway has them"]


def test_a_lost_connection_is_told_as_it_is():
    assert said(Radio(), Deliveries(Lost("gone")))[1:] == ["link: gone; readings are kept until the gateway has them"]


def test_no_other_failure_is_taken_for_the_wifi():
    try:
        lines = said(Radio(), Deliveries(OSError(84)))
    except OSError:
        return
    raise AssertionError(lines)
