"""Stands in for the serial port, the slaves behind it, and time. For the suites; see run.py."""

import asyncio

import rtu


class Time:
    """Milliseconds that pass only when somebody waits for something."""

    def __init__(self):
        self.ms = 0
        self.deadline = None

    def now(self):
        return self.ms

    async def until(self, when):
        await asyncio.sleep(0)
        if self.deadline is not None and when >= self.deadline:
            self.ms = self.deadline
            raise asyncio.TimeoutError
        self.ms = max(self.ms, when)

    async def sleep(self, seconds):
        await self.until(self.ms + round(seconds * 1000))

    async def wait_for(self, coroutine, seconds):
        self.deadline = self.ms + round(seconds * 1000)
        try:
            return await coroutine
        finally:
            self.deadline = None


class Bus:
    """What comes later than it is waited for stays under way, as on a wire. Line time is not counted.

    Answers the n-th request with the n-th entry of `script`: a list of (ms after the request, bytes). Then it is silent.
    """

    def __init__(self, *script):
        self.time = Time()
        self.script = list(script)
        self.requests = []
        self.asked_at = []
        self.formats = []
        self.under_way = []

    def configure(self, *settings):
        self.formats.append(settings)

    def clear(self):
        self.under_way = [each for each in self.under_way if each[0] > self.time.ms]

    def write(self, data):
        self.requests.append(data)
        self.asked_at.append(self.time.ms)
        answer = self.answer(data)
        self.under_way = sorted(self.under_way + [(self.time.ms + ms, data) for ms, data in answer])

    def answer(self, request):
        return self.script.pop(0) if self.script else []

    async def read(self, longest):
        await self.time.until(self.under_way[0][0] if self.under_way else 1_000_000)
        return self.under_way.pop(0)[1][:longest]


def with_crc(frame):
    crc = rtu.crc16(frame)
    return frame + bytes([crc & 0xFF, crc >> 8])
