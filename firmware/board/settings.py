"""The unit's settings: `unit.json`, which `make flash` makes from a file like firmware/unit.example.toml.

It is checked here again, because a file can be edited or damaged on the board: every value before it is used. A wrong,
missing or unknown one raises SettingsError with one line that says which, and never shows a password. Whether the bus
may have those pins is judged on the laptop, so that the board's wiring is known in one place: here a pin is
a number that the chip has.

The firmware loads this room once, at the start, and then gives its memory back.
"""

import json

_NAME, _TEXT, _SECRET, _NUMBER = "name", "text", "password", "whole number"  # each with its least and greatest (length)
_ADDRESS = "IPv4 address"
_BASE64 = "certificate in base64"
_NAME_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_"
_BASE64_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_PIN = (_NUMBER, 0, 39)
_PERIOD = (_NUMBER, 1, 3600)
_OPTIONAL = ("led", "saving", "bus.de", "broker.ca", "broker.name", "broker.day")
_SHAPE = {
    "unit": (_NAME, 1, 32),
    "period": _PERIOD,
    "led": _PIN,
    "wifi": {"ssid": (_TEXT, 1, 32), "password": (_SECRET, 8, 63)},
    "broker": {
        "host": (_ADDRESS, 7, 15),
        "port": (_NUMBER, 1, 65535),
        "password": (_SECRET, 1, 128),
        "ca": (_BASE64, 1, 4096),
        "name": (_TEXT, 1, 253),
        "day": (_NUMBER, 20240101, 20991231),
    },
    "bus": {"uart": (_NUMBER, 1, 2), "tx": _PIN, "rx": _PIN, "de": _PIN},
    "saving": {"device": (_NAME, 1, 32), "below_soc": (_NUMBER, 1, 100), "period": _PERIOD},
    "devices": [{"name": (_NAME, 1, 32), "model": (_NAME, 1, 32), "address": (_NUMBER, 0, 255)}],
}


class SettingsError(Exception):
    """One line: the file, the key, its value, the way out."""


def load(path):
    """The checked settings in the file at `path`. Raises SettingsError."""
    try:
        with open(path) as file:
            settings = json.load(file)
    except OSError:
        raise SettingsError("%s is missing; run make flash with UNIT=... on a laptop" % path)
    except ValueError:
        raise SettingsError("%s is not JSON; run make flash with UNIT=... on a laptop" % path)
    try:
        _check(settings, _SHAPE, "settings")
        for key in ("name", "address"):
            _check_distinct([device[key] for device in settings["devices"]], key)
        _check_saving(settings)
        _check_tls(settings["broker"])
    except ValueError as error:
        raise SettingsError("%s: %s; mend the unit's settings and run make flash with UNIT=..." % (path, error))
    return settings


def led(path):
    """The pin of the LED, for a unit whose settings are wrong elsewhere; None if not even that can be told."""
    try:
        with open(path) as file:
            pin = json.load(file)["led"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pin if _fits(pin, *_PIN) else None


def _check(value, shape, key):
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise ValueError("%s is not a table" % key)
        for name in value:
            if name not in shape:
                raise ValueError("%s: %s is unknown" % (key, name))
        for name in shape:
            path = name if key == "settings" else key + "." + name
            if name in value:
                _check(value[name], shape[name], path)
            elif path not in _OPTIONAL:
                raise ValueError("%s: %s is missing" % (key, name))
    elif isinstance(shape, list):
        if not isinstance(value, list) or not value:
            raise ValueError("%s is not a list with something in it" % key)
        for index, each in enumerate(value):
            _check(each, shape[0], "%s[%d]" % (key, index))
    elif not _fits(value, *shape):
        kind, least, greatest = shape
        shown = "the value" if kind in (_SECRET, _BASE64) else json.dumps(value)
        if kind in (_ADDRESS, _BASE64):
            raise ValueError("%s: %s is no %s" % (key, shown, kind))
        what = kind if kind == _NUMBER else kind + " with a length"
        raise ValueError("%s: %s is not a %s from %d to %d" % (key, shown, what, least, greatest))


def _fits(value, kind, least, greatest):
    if kind == _NUMBER:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= greatest
    if not isinstance(value, str) or not least <= len(value.encode()) <= greatest:
        return False
    if kind == _ADDRESS:
        parts = value.split(".")
        return len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)
    if kind == _BASE64:
        return len(value) % 4 == 0 and not value.rstrip("=").strip(_BASE64_LETTERS)
    return kind != _NAME or (value[0].isalpha() and all(letter in _NAME_LETTERS for letter in value))


def _check_distinct(values, key):
    for value in values:
        if values.count(value) > 1:
            raise ValueError("devices: more than one has the %s %s" % (key, json.dumps(value)))
    if "board" in values:
        raise ValueError("devices: the board itself has the name board")


def _check_saving(settings):
    saving = settings.get("saving")
    if saving and saving["device"] not in [device["name"] for device in settings["devices"]]:
        raise ValueError("saving.device: no device has the name %s" % json.dumps(saving["device"]))


def _check_tls(broker):
    given = [key for key in ("ca", "name", "day") if key in broker]
    if len(given) in (1, 2):
        raise ValueError("broker: ca, name and day belong together, but only %s is there" % " and ".join(given))
