"""Wires the rooms together.

Promises: a task that ends for whatever reason restarts the board, with the reason on the console and in `state`, and what
RAM held in flash. When the watchdog is fed is up to supervision.py.
"""

import asyncio
import binascii
import gc
import io
import os
import sys
import time

# The longest first: compiling one takes the more heap the longer it is, and the heap is empty yet.
from spool import Spool
from mqtt import Client
from link import KEEPALIVE, Link
from poll import Health, Poller
from delivery import Delivery
from modbus import Master
from clock import Clock
from console import Console
from state import State
from supervision import Heartbeat, Supervision
from wifi import Ladder, Restart
import board
import led
import seldom

FIRMWARE = "0.1.0"
SPOOL_BYTES = 1500000  # of the 2 MB file system on a 4 MB ESP32; 48 h of two devices and some
WATCHDOG = 120000  # ms; longer than any task may go without progress
_NO_ACK = 120000  # ms without one, and the LED says that the gateway is missing


def run():
    """Runs the unit until the power goes. Ctrl-C at the console ends it; the watchdog starts the board again then."""
    try:
        state = State()
        state.begin(board.reset_cause())
        settings, devices = seldom.room("configuration").configured(_layout)
        gc.collect()
        reason, for_wifi = _live(settings, devices, state)
        state.end(reason, for_wifi)
        print("unit: %s; restarting in 5 s" % reason)
    except Exception as error:  # whatever it is, the board restarts
        sys.print_exception(error)
    time.sleep(5)
    board.reset()


def _layout(name):
    return seldom.room("configuration").compiled(name)


def _live(settings, devices, state):
    """Until something ends a task: why, and whether it was for want of Wi-Fi."""
    reason = None
    try:
        clock = Clock(time.ticks_ms)
        spool = Spool("readings", binascii.hexlify(os.urandom(6)).decode(), SPOOL_BYTES)
        try:
            asyncio.run(_work(settings, devices, clock, spool, state))
        except Restart as error:
            return str(error), True
        except Exception as error:  # running on without the task would look alive and lose readings
            reason = _told(error)
        finally:
            asyncio.new_event_loop()  # lets go of what the tasks hold: it may well have been memory that was missing
            gc.collect()
            spool.write()  # flash may well work although something else does not
    except Exception as error:  # and if it does not either, both reasons are on the console
        reason = reason or _told(error)
    return reason, False


def _told(error):
    """The exception in one line, with the place it comes from. Its whole traceback is on the console."""
    sys.print_exception(error)
    try:
        text = io.StringIO()
        sys.print_exception(error, text)
        lines = text.getvalue().strip().split("\n")
        return "%s, %s" % (lines[-1], lines[-2].strip()) if len(lines) > 1 else lines[0]
    except MemoryError:
        return type(error).__name__


async def _work(settings, devices, clock, spool, state):
    def is_safe():
        spool.write()
        held = spool.report()
        return held["readings"] == held["in_flash"]

    wifi = Ladder(board.Wifi(settings["wifi"]["ssid"], settings["wifi"]["password"]), clock.now, state, is_safe)
    bus = settings["bus"]
    master = Master(board.Serial(bus["uart"], bus["tx"], bus["rx"], bus.get("de")), clock.now)
    saving = settings.get("saving")
    poller = Poller(
        devices,
        master,
        clock,
        spool,
        saving=saving and (saving["device"], saving["below_soc"], saving["period"]),
    )
    longest_period = max(settings["period"], saving["period"] if saving else 0)
    broker = settings["broker"]
    tls = seldom.room("configuration").tls(broker)

    def make_client(heard):
        return Client(broker["host"], broker["port"], settings["unit"], broker["password"], KEEPALIVE, heard, tls)

    heartbeat = Heartbeat(clock.now)
    link = Link(settings["unit"], spool.boot, FIRMWARE, wifi, make_client, Delivery(spool, clock), clock.now)
    watchdog = board.Watchdog(WATCHDOG)
    starts = state.report()
    print("unit: %s, firmware %s, boot %s" % (settings["unit"], FIRMWARE, spool.boot))
    print("unit: start %d, started by %s" % (starts["starts"], starts["reset_cause"]))
    if starts["last_error"]:
        print("unit: last error: %s" % starts["last_error"])
    print("unit: %d readings of earlier boots are in flash" % spool.readings())
    rooms = (
        ("unit", lambda: (settings["unit"], FIRMWARE)),
        ("heap_free", board.heap_free),
        ("bus", poller.report),
        ("link", link.report),
        ("spool", spool.report),
        ("clock", clock.report),
        ("state", state.report),
    )
    tasks = [
        poller.run(settings["period"]),
        Health(state, board.heap_free, wifi.rssi, heartbeat.longest, clock, spool).run(),
        link.run(),
        heartbeat.run(),
        Console(asyncio.StreamReader(sys.stdin.buffer), sys.stdout, rooms).run(),
        Supervision(watchdog, clock.now, spool, poller, link, longest_period * 1000).run(),
    ]
    if "led" in settings:
        tasks.append(led.blink(board.output(settings["led"]), lambda: _blinks(poller, link)))
    await asyncio.gather(*tasks)


def _blinks(poller, link):
    bus = all(device["state"] == "online" for device in poller.report())
    seen = link.report()
    acknowledged = seen["acknowledged_ago"]
    return led.code(bus, seen["wifi"], acknowledged is not None and acknowledged <= _NO_ACK)
