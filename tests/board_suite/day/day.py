"""A day of the deployed firmware: start.py calls `begin`, then runs the firmware's own main.py.

Stand-ins: the serial line (replies that the test prepared), the Wi-Fi, the broker with a gateway behind it, the watchdog,
and the clock (warp.py). They are scripted in simulated hours below. Real: the interpreter with its heap limit, LittleFS on the
flash image, and all of the firmware but board.Serial, board.Wifi and board.Watchdog.

Everything that is to be known afterwards is printed in one line of JSON.
"""

import asyncio
import binascii
import gc
import json
import sys
import time

from warp import Warp

HOUR = 3600000
TICKS_PERIOD = 1 << 30
HALF_A_DAY = 12 * HOUR  # each half has the same outages, from one hour of it to another, so that their ends compare
BROKER_REFUSES = (1, 2)
BUS_SILENT = (4, 5)
BROKER_SILENT = (7, 7.5)
WIFI_GONE = (8.5, 9.3)  # wifi.py restarts the board after an hour
TICKS_AT_START = TICKS_PERIOD - 3 * HOUR // 2  # so that they wrap in the middle of the first outage
FIRST, LAST = 12, 24  # hours at which the heap is looked at
UTC = 1795600000000


class Done(BaseException):
    """The day is over; BaseException, so that no room takes it for a fault."""


class Stage:
    """The simulated time, and what happens at it."""

    def begin(self):
        self.warp = Warp(time.ticks_ms)
        self.gateway = Gateway()
        self.free = {}
        self.network = bytearray(8192)  # its buffers, which are outside the heap on a board
        with open("replies.json") as file:
            self.replies = {bytes.fromhex(ask): bytes.fromhex(reply) for ask, reply in json.load(file).items()}

    def is_between(self, hours):
        return hours[0] * HOUR <= self.warp.elapsed() % HALF_A_DAY < hours[1] * HOUR

    def utc(self):
        return UTC + self.warp.elapsed()


stage = Stage()


class FakeTime:
    """Stands in for the module `time`, as the ESP32 has it: its ticks wrap."""

    def ticks_ms():
        return (TICKS_AT_START + stage.warp.elapsed()) % TICKS_PERIOD

    def sleep(seconds):
        stage.warp.now += int(seconds * 1000)


class Serial:
    def __init__(self, uart, tx, rx, de=None):
        self._reply = None

    def configure(self, baudrate, parity, stop_bits):
        pass

    def write(self, data):
        self._reply = None if stage.is_between(BUS_SILENT) else stage.replies[bytes(data)]

    async def read(self, longest):
        await asyncio.sleep_ms(30 if self._reply else HOUR)
        reply, self._reply = self._reply, None
        return reply

    def clear(self):
        self._reply = None


class Wifi:
    def __init__(self, ssid, password):
        self._joins = False

    def connected(self):
        return self._joins and not stage.is_between(WIFI_GONE)

    def join(self):
        self._joins = True

    def switch_off(self):
        self._joins = False

    def rssi(self):
        return -60 if self.connected() else None


class Gateway:
    """Acknowledges what it has: ranges of seqs, and how many readings came again. It looks only at what it must of a
    reading, because what it takes of the heap is missing to the firmware.
    """

    def __init__(self):
        self.boot = None
        self.ranges = []
        self.again = 0
        self.lost = None
        self.values = {}

    def take(self, message):
        """The ack for the reading in `message`, a whole packet."""
        boot = _field(message, b'"boot":')
        self.boot = self.boot or boot
        if boot != self.boot:
            raise ValueError("a second boot")
        lost = _field(message, b'"readings_lost":')
        self.lost = self.lost if lost is None else int(lost)
        signals = message.find(b'"signals":')
        if message.find(b"pack_voltage", signals) > 0:
            crc = binascii.crc32(memoryview(message)[signals : message.find(b"}", signals)])
            if self.values.setdefault("bms1", crc) != crc:
                raise ValueError("the values changed on their way: %s" % message)
        up, sent, utc = (_field(message, key) for key in (b'"up":', b'"sent":', b'"t":'))
        if utc != b"null" and not -1500 < int(utc) - UTC - int(up) < 1500:
            raise ValueError("a wrong time: %s" % message)
        self._add(int(_field(message, b'"seq":')))
        first = self.ranges[0] if not self.ranges[0][0] else [0, -1]
        beyond = [each for each in self.ranges if each is not first][:32]
        return b'{"boot":%s,"seq":%d,"beyond":%s,"utc":%d,"sent":%s,"held":0}' % (
            boot, first[1], str(beyond).encode(), stage.utc(), sent
        )  # fmt: skip

    def _add(self, seq):
        for index, each in enumerate(self.ranges):
            if each[0] <= seq <= each[1]:
                self.again += 1
                return
            if seq < each[0]:
                self.ranges.insert(index, [seq, seq])
                break
        else:
            self.ranges.append([seq, seq])
        for index in range(len(self.ranges) - 1, 0, -1):
            if self.ranges[index - 1][1] + 1 == self.ranges[index][0]:
                self.ranges[index - 1][1] = self.ranges.pop(index)[1]


def _field(message, key):
    """The text of the value behind a key, None if it is not there."""
    start = message.find(key)
    if start < 0:
        return None
    start += len(key)
    ends = [end for end in (message.find(b",", start), message.find(b"}", start)) if end > 0]
    return bytes(message[start : min(ends)])


class Connection:
    """To the broker: both ends of the stream that mqtt.Client gets. MQTT 3.1.1, as far as the board speaks it."""

    def __init__(self):
        self._begin = self._end = 0  # of what is in stage.network
        self._any = asyncio.Event()

    def write(self, packet):
        kind = packet[0] >> 4
        if stage.is_between(BROKER_SILENT):
            return
        if stage.is_between(BROKER_REFUSES):
            self._any.set()
            return
        start = 2
        while packet[start - 1] & 0x80:
            start += 1
        if kind == 1:
            self._answer(b"\x20\x02\x00\x00")
        elif kind == 8:
            self._answer(b"\x90\x03" + packet[start : start + 2] + b"\x01")
        elif kind == 12:
            self._answer(b"\xd0\x00")
        elif kind == 3:
            end = start + 2 + (packet[start] << 8 | packet[start + 1])
            self._answer(b"\x40\x02" + packet[end : end + 2])
            topic = bytes(packet[start + 2 : end])
            if topic.endswith(b"/reading"):
                self._publish(topic[:-7] + b"ack", stage.gateway.take(packet))

    def _publish(self, topic, message):
        length = len(topic) + len(message) + 4
        size = bytes([length]) if length < 128 else bytes([length & 0x7F | 0x80, length >> 7])
        self._answer(b"\x32" + size + bytes([0, len(topic)]) + topic + b"\x00\x01" + message)

    def _answer(self, packet):
        network = stage.network
        if self._end + len(packet) > len(network):
            self._end -= self._begin
            for at in range(self._end):  # in place: a slice would be a copy
                network[at] = network[at + self._begin]
            self._begin = 0
        for byte in packet:
            network[self._end] = byte
            self._end += 1
        self._any.set()

    async def read(self, longest):
        """No byte is the end of the connection."""
        await self._any.wait()
        begin = self._begin
        self._begin = min(self._end, begin + longest)
        if self._begin == self._end:
            self._any.clear()
        return bytes(memoryview(stage.network)[begin : self._begin])

    async def drain(self):
        await asyncio.sleep_ms(5)

    def close(self):
        pass

    async def wait_closed(self):
        pass


async def open_connection(host, port):
    await asyncio.sleep_ms(20)
    if stage.is_between(BROKER_REFUSES):
        raise OSError(111)
    connection = Connection()
    return connection, connection


class Watchdog:
    """Sees the day go by, a second at a time."""

    def __init__(self, timeout_ms):
        self._timeout = timeout_ms
        self._fed = stage.warp.now

    def feed(self):
        if stage.warp.now - self._fed > self._timeout:
            raise Done("the watchdog bit at %d ms" % stage.warp.elapsed())
        self._fed = stage.warp.now
        minute = stage.warp.elapsed() // 60000
        if minute in (FIRST * 60 - 1, LAST * 60 - 1):  # within it the unit is in the same state once at least
            gc.collect()
            stage.free[minute] = max(stage.free.get(minute, 0), gc.mem_free())
        if minute >= LAST * 60:
            raise Done("the day is over")


def begin():
    """Puts the stand-ins into their places, before the firmware is there."""
    stage.begin()
    Connection()  # asyncio reads what that needs
    sys.modules["time"] = FakeTime
    asyncio.open_connection = open_connection
    sys.modules["board"] = Board


class Board:
    """Stands in for board.py."""

    Serial, Wifi, Watchdog = Serial, Wifi, Watchdog

    def reset_cause():
        return "power_on"

    def heap_free():
        gc.collect()
        return gc.mem_free()

    def output(pin):
        return lambda on: None

    def reset():
        end("the firmware restarted")


def end(why):
    gateway = stage.gateway
    seen = {
        "end": str(why),
        "hours": stage.warp.elapsed() / HOUR,
        "acknowledged": gateway.ranges,
        "again": gateway.again,
    }
    seen.update({"lost": gateway.lost, "free": [stage.free[minute] for minute in sorted(stage.free)]})
    print("DAY " + json.dumps(seen))
    sys.exit()
