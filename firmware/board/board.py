"""The hardware: the one file of the firmware that touches `machine` and `network`.

Once `Watchdog` is made nothing can stop it: a board that is left at the console prompt starts again after `timeout_ms`.
"""

import asyncio
import gc
import time

import machine
import network

_BITS = 11  # per character on the wire, at most
_PARITIES = {"N": None, "E": 0, "O": 1}
_RESET_CAUSES = {
    machine.PWRON_RESET: "power_on",
    machine.HARD_RESET: "hard",
    machine.WDT_RESET: "watchdog",
    machine.DEEPSLEEP_RESET: "deep_sleep",
    machine.SOFT_RESET: "soft",
}


def reset_cause():
    """Why the board last started, in the words of signal `reset_cause`."""
    return _RESET_CAUSES.get(machine.reset_cause(), "unknown")


def heap_free():
    """Free heap in bytes, garbage not counted."""
    gc.collect()
    return gc.mem_free()


def set_calendar(day):
    """Sets the chip's calendar, which starts in 1970 or 2000, to `day`, a number like 20261125. Only TLS looks at it."""
    machine.RTC().datetime((day // 10000, day // 100 % 100, day % 100, 0, 0, 0, 0, 0))


def output(pin):
    """A pin to be called with 0 or 1; 0 now."""
    return machine.Pin(pin, machine.Pin.OUT, value=0)


def reset():
    """Starts the board again, as if its button was pressed. Does not return."""
    machine.reset()


class Watchdog:
    """Starts the board again unless it is fed every `timeout_ms`."""

    def __init__(self, timeout_ms):
        self._watchdog = machine.WDT(timeout=timeout_ms)

    def feed(self):
        self._watchdog.feed()


class Serial:
    """The RS-485 transceiver on UART `uart`. `de` is the pin of its driver enable, None where it turns by itself."""

    def __init__(self, uart, tx, rx, de=None):
        self._pins = {"tx": tx, "rx": rx}
        self._driver = None if de is None else output(de)
        self._uart = machine.UART(uart, baudrate=9600, tx=tx, rx=rx)
        self._reader = asyncio.StreamReader(self._uart)
        self._format = None

    def configure(self, baudrate, parity, stop_bits):
        """8 data bits; `parity` is N, E or O. Bytes in the buffers are lost when anything changes."""
        if self._format != (baudrate, parity, stop_bits):
            self._format = (baudrate, parity, stop_bits)
            self._uart.init(
                baudrate=baudrate, bits=8, parity=_PARITIES[parity], stop=stop_bits, timeout=0, rxbuf=512, **self._pins
            )

    def write(self, data):
        """Returns when the last byte has left, and the transceiver listens again.

        Nothing else runs meanwhile, 9 ms for 8 bytes at 9600 baud: a slave may answer right after, and a driver that is
        still on because another task has its turn would collide with it.
        """
        if self._driver:
            self._driver(1)
        try:
            self._uart.write(data)
            longest = 2 * len(data) * _BITS * 1000 // self._format[0] + 2  # ms; a tick is a whole one
            began = time.ticks_ms()
            while not self._uart.txdone() and time.ticks_diff(time.ticks_ms(), began) <= longest:
                pass
        finally:
            if self._driver:
                self._driver(0)

    async def read(self, longest):
        """At least one byte, at most `longest`. Never waits for more than the first: on a bus that babbles that has no
        end, and meanwhile nothing else runs.
        """
        data = await self._reader.read(1)
        more = min(self._uart.any(), longest - 1)
        return data + self._uart.read(more) if more else data

    def clear(self):
        """Drops what has been received by now."""
        more = self._uart.any()
        if more:
            self._uart.read(more)


class Wifi:
    """The board as a station in the village's Wi-Fi."""

    def __init__(self, ssid, password):
        self._ssid = ssid
        self._password = password
        self._station = network.WLAN(network.STA_IF)

    def connected(self):
        return self._station.isconnected()

    def join(self):
        """Begins to join; `connected` tells when it has. Raises OSError if the radio does not even begin."""
        self._station.active(True)
        self._station.disconnect()
        self._station.connect(self._ssid, self._password)

    def switch_off(self):
        """Until the next `join`. Raises OSError."""
        self._station.active(False)

    def rssi(self):
        """Strength of the signal in dBm; None while not joined."""
        try:
            return self._station.status("rssi") if self.connected() else None
        except OSError:  # the network went in between
            return None
