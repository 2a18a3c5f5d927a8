"""The unit's settings: `unit.json`, made from a file like firmware/unit.example.toml. Every value is checked before it is
used; a wrong, missing or unknown one raises SettingsError with one line that says which and what would be right."""

import json


class SettingsError(Exception):
    """One line: the key, its value, the way out."""


def _fail(key, value, wanted):
    raise SettingsError("unit.json: %s: %s is not %s" % (key, json.dumps(value), wanted))


def _text(shortest, longest):
    def check(key, value):
        if not isinstance(value, str) or not shortest <= len(value.encode()) <= longest:
            _fail(key, value, "a text of %d to %d bytes" % (shortest, longest))

    return check


def _secret(shortest, longest):
    def check(key, value):
        if not isinstance(value, str) or not shortest <= len(value.encode()) <= longest:
            raise SettingsError("unit.json: %s: must be a text of %d to %d bytes" % (key, shortest, longest))

    return check


def _number(lowest, highest):
    def check(key, value):
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            _fail(key, value, "a whole number from %d to %d" % (lowest, highest))

    return check


def _name(key, value):
    letters = "abcdefghijklmnopqrstuvwxyz"
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= 32
        or value[0] not in letters
        or any(letter not in letters + "0123456789-_" for letter in value)
    ):
        _fail(key, value, "a name: up to 32 of a-z, 0-9, - and _, a letter first")


_UNIT = {"unit": _name, "period": _number(1, 3600)}
_WIFI = {"ssid": _text(1, 32), "password": _secret(0, 63)}
_BROKER = {"host": _text(1, 255), "port": _number(1, 65535), "password": _secret(1, 128)}
_BUS = {"uart": _number(1, 2), "tx": _number(0, 48), "rx": _number(0, 48)}
_DRIVER_ENABLE = {"de": _number(0, 48)}
_DEVICE = {"name": _name, "model": _name, "address": _number(1, 247)}


def _check(prefix, table, required, optional=()):
    if not isinstance(table, dict):
        _fail(prefix[:-1] or "the file", table, "a table of settings")
    for key in table:
        if key not in required and key not in optional:
            raise SettingsError("unit.json: %s%s is not a setting; known here: %s" % (prefix, key, ", ".join(sorted(required))))
    for key in required:
        if key not in table:
            raise SettingsError("unit.json: %s%s is missing; see firmware/unit.example.toml" % (prefix, key))
        if required[key]:
            required[key](prefix + key, table[key])
    for key in optional:
        if key in table:
            optional[key](prefix + key, table[key])


def check(settings):
    """Returns `settings` (the parsed file) if every value in it is right, else raises SettingsError."""
    tables = {"wifi": None, "broker": None, "bus": None, "devices": None}
    tables.update(_UNIT)
    _check("", settings, tables)
    _check("wifi.", settings["wifi"], _WIFI)
    _check("broker.", settings["broker"], _BROKER)
    _check("bus.", settings["bus"], _BUS, _DRIVER_ENABLE)
    devices = settings["devices"]
    if not isinstance(devices, list) or not devices:
        _fail("devices", devices, "a list of at least one device")
    names = {"board": "the board itself"}
    addresses = {}
    for index, device in enumerate(devices):
        _check("devices[%d]." % index, device, _DEVICE)
        name, address = device["name"], device["address"]
        if name in names:
            raise SettingsError("unit.json: devices[%d].name: %s is taken by %s" % (index, name, names[name]))
        if address in addresses:
            raise SettingsError(
                "unit.json: devices[%d].address: %d is taken by %s; each device on the bus needs its own"
                % (index, address, addresses[address])
            )
        names[name] = "devices[%d]" % index
        addresses[address] = name
    return settings


def load(path):
    """The checked settings in the file at `path`. Raises SettingsError."""
    try:
        with open(path) as file:
            settings = json.load(file)
    except OSError:
        raise SettingsError("%s is missing; put one on the board with `make bundle UNIT_FILE=…`" % path) from None
    except ValueError:
        raise SettingsError("%s is not JSON; make it again with `make bundle UNIT_FILE=…`" % path) from None
    return check(settings)
