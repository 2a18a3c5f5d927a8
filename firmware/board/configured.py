"""What the unit does once, at the start: reads its settings and makes its devices."""

import asyncio
import sys

import board
import led
import settings
from decode import Profile
from device import Device
from unit import ProfileError, compiled


def read():
    """The unit's settings and devices. With settings that cannot be used it says so for ever, on console and LED."""
    try:
        loaded = settings.load("unit.json")
    except settings.SettingsError as error:
        asyncio.run(_complain(error, settings.led("unit.json")))
    try:
        return loaded, [Device(each["name"], each["address"], profile(each)) for each in loaded["devices"]]
    except ProfileError as error:
        asyncio.run(_complain(error, loaded.get("led")))
    finally:
        del sys.modules["settings"]


def profile(device):
    try:
        return Profile(compiled(device["model"]), device["address"], compiled)
    except (KeyError, TypeError):
        raise ProfileError("profiles/%s.json is damaged; make the bundle anew and deploy it" % device["model"])


async def _complain(error, pin):
    if pin is not None:
        asyncio.create_task(led.blink(board.output(pin), lambda: led.NO_SETTINGS))
    while True:
        print(error)
        await asyncio.sleep(10)
