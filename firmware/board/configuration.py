"""What the bundle says this unit is: its settings, its devices, the certificate of its broker.

Works at the start, and when a device tells its layout; see seldom.py.
"""

import asyncio
import json

import board
import led
import seldom
from decode import Profile
from device import Device

_DAMAGED = "profiles/%s.json is damaged; run make flash on a laptop"


class ProfileError(Exception):
    """One line: the file, the way out."""


def configured(layout):
    """The unit's settings and devices; `layout` is for decode.Profile, and kept. With settings that cannot be used it says
    so for ever, on console and LED.
    """
    settings = seldom.room("settings")
    try:
        loaded = settings.load("unit.json")
    except settings.SettingsError as error:
        asyncio.run(_complain(error, settings.led("unit.json")))
    try:
        return loaded, [Device(each["name"], each["address"], profile(each, layout)) for each in loaded.pop("devices")]
    except ProfileError as error:
        asyncio.run(_complain(error, loaded.get("led")))


def profile(device, layout=None):
    """Raises ProfileError."""
    try:
        return Profile(compiled(device["model"]), device["address"], layout)
    except (KeyError, TypeError, ValueError):
        raise ProfileError(_DAMAGED % device["model"])


def compiled(model):
    """What the bundle has of a model, or of one of its layouts. Raises ProfileError."""
    try:
        with open("profiles/%s.json" % model) as file:
            return json.load(file)
    except OSError:
        raise ProfileError("profiles/%s.json is missing; run make flash on a laptop" % model)
    except ValueError:
        raise ProfileError(_DAMAGED % model)


def tls(broker):
    """What mqtt.Client takes, from the settings; their certificate is not kept."""
    if "ca" not in broker:
        return ()
    board.set_calendar(broker["day"])
    return seldom.room("certificate").checked(broker.pop("ca")), broker["name"]


async def _complain(error, pin):
    if pin is not None:
        asyncio.create_task(led.blink(board.output(pin), lambda: led.NO_SETTINGS))
    while True:
        print(error)
        await asyncio.sleep(10)
