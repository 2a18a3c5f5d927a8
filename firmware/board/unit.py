"""Wires the rooms together and watches over them.

Promises: a task that ends for whatever reason restarts the board, with the reason on the console and what RAM held in
flash. The watchdog is fed only while the devices are polled and the spool is tended. Flash that refuses to be written
does not starve it: a restart mends no flash, and costs what is in RAM.
"""

import asyncio
import binascii
import gc
import json
import os
import sys
import time

# The longest first: compiling one takes the more heap the longer it is, and the heap is empty yet.
from spool import Spool
from mqtt import Client
from link import KEEPALIVE, Link
from settings import SettingsError, load
from poll import AsText, Health, Poller
from delivery import Delivery
from modbus import Master
from device import Device
from decode import Profile
from clock import Clock
import board

FIRMWARE = "0.1.0"
SPOOL_BYTES = 1000000  # of the 2 MB file system on a 4 MB ESP32
WATCHDOG = 120000  # ms; longer than any task may go without progress
LONGEST_STALL = 60000  # ms without a round of polls beyond the period


def run():
    """Runs the unit until the power goes. Ctrl-C at the console ends it; the watchdog starts the board again then."""
    gc.collect()
    try:
        settings = load("unit.json")
        devices = [Device(each["name"], each["address"], _profile(each["model"])) for each in settings["devices"]]
    except SettingsError as error:
        while True:
            print(error)
            time.sleep(10)
    try:
        clock = Clock(time.ticks_ms)
        spool = Spool("readings", binascii.hexlify(os.urandom(6)).decode(), SPOOL_BYTES)
        try:
            asyncio.run(_work(settings, devices, clock, spool))
        except Exception as error:  # whatever ended a task, running on without it would look alive and lose readings
            sys.print_exception(error)
        finally:
            gc.collect()
            spool.write()  # flash may well work although something else does not
    except Exception as error:  # and if it does not either, both reasons are on the console
        sys.print_exception(error)
    print("unit: restarting in 5 s")
    time.sleep(5)
    board.reset()


def _profile(model):
    path = "profiles/%s.json" % model
    try:
        with open(path) as file:
            return Profile(json.load(file))
    except OSError:
        raise SettingsError("%s is missing; make the bundle anew and deploy it" % path)
    except (ValueError, KeyError, TypeError):
        raise SettingsError("%s is damaged; make the bundle anew and deploy it" % path)


async def _work(settings, devices, clock, spool):
    wifi = board.Wifi(settings["wifi"]["ssid"], settings["wifi"]["password"])
    bus = settings["bus"]
    master = Master(board.Serial(bus["uart"], bus["tx"], bus["rx"], bus.get("de")), clock.now)
    poller = Poller(devices, master, clock, AsText(spool))
    broker = settings["broker"]

    def make_client(heard):
        return Client(broker["host"], broker["port"], settings["unit"], broker["password"], KEEPALIVE, heard)

    cause = board.reset_cause()
    print("unit: %s, firmware %s, boot %s, started by %s" % (settings["unit"], FIRMWARE, spool.boot, cause))
    print("unit: %d readings of earlier boots are in flash" % spool.readings())
    await asyncio.gather(
        poller.run(settings["period"]),
        Health(cause, board.heap_free, wifi.rssi, clock, spool).run(),
        Link(settings["unit"], spool.boot, FIRMWARE, wifi, make_client, Delivery(spool, clock), clock.now).run(),
        _watch(board.Watchdog(WATCHDOG), clock, spool, poller, settings["period"] * 1000 + LONGEST_STALL),
    )


async def _watch(watchdog, clock, spool, poller, longest_pause):
    while True:
        tend(watchdog, clock.now(), spool, poller, longest_pause)
        await asyncio.sleep(1)


def tend(watchdog, now, spool, poller, longest_pause):
    """Keeps the spool safe in flash, and the watchdog fed while `poller` ended a round in the last `longest_pause` ms."""
    spool.keep(now)
    if now - poller.last_round <= longest_pause:
        watchdog.feed()
