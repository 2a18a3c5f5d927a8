"""Wires the rooms together and watches over them.

Promises: a task that ends for whatever reason restarts the board, with the reason on the console. The watchdog is fed
only while readings are made and get to the gateway or to flash.
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
from poll import Device, Health, Poller
from delivery import Delivery
from modbus import Master
from decode import Profile
from clock import Clock
import board

FIRMWARE = "0.1.0"
SPOOL_BYTES = 1000000  # of the 2 MB file system on a 4 MB ESP32
WATCHDOG = 120000  # ms; longer than any task may go without progress
LONGEST_STALL = 60000  # ms without a new reading beyond the period, or with a reading in RAM alone


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
        asyncio.run(_work(settings, devices))
    except Exception as error:  # whatever ended a task, running on without it would look alive and lose readings
        sys.print_exception(error)
        print("unit: restarting in 5 s")
        time.sleep(5)
    board.reset()


def _profile(model):
    try:
        with open("profiles/%s.json" % model) as file:
            return Profile(json.load(file))
    except OSError:
        known = ", ".join(sorted(name[:-5] for name in os.listdir("profiles")))
        raise SettingsError("unit.json: model %s is not on this board; known: %s" % (model, known))


async def _work(settings, devices):
    clock = Clock(time.ticks_ms)
    spool = Spool("readings", binascii.hexlify(os.urandom(6)).decode(), SPOOL_BYTES)
    wifi = board.Wifi(settings["wifi"]["ssid"], settings["wifi"]["password"])
    bus = settings["bus"]
    master = Master(board.Serial(bus["uart"], bus["tx"], bus["rx"], bus.get("de")), clock.now)
    broker = settings["broker"]

    def make_client(heard):
        return Client(broker["host"], broker["port"], settings["unit"], broker["password"], KEEPALIVE, heard)

    cause = board.reset_cause()
    print("unit: %s, firmware %s, boot %s, started by %s" % (settings["unit"], FIRMWARE, spool.boot, cause))
    print("unit: %d readings of earlier boots are in flash" % spool.readings())
    await asyncio.gather(
        Poller(devices, master, clock, spool).run(settings["period"]),
        Health(cause, board.heap_free, wifi.rssi, clock, spool).run(),
        Link(settings["unit"], spool.boot, FIRMWARE, wifi, make_client, Delivery(spool, clock), clock.now).run(),
        _watch(board.Watchdog(WATCHDOG), clock, spool, settings["period"] * 1000 + LONGEST_STALL),
    )


async def _watch(watchdog, clock, spool, longest_pause):
    """Keeps the spool safe in flash, and the watchdog fed while there is progress."""
    while True:
        now = clock.now()
        spool.keep(now)
        if now - spool.last_added <= longest_pause and spool.unsafe_ms(now) <= LONGEST_STALL:
            watchdog.feed()
        await asyncio.sleep(1)
