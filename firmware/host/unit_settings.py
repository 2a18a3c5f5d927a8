"""Settings of one unit, as `firmware/unit.example.toml` shows them: read, checked, and made what the board loads."""

import ipaddress
from pathlib import Path
from typing import Any

from firmware.host.profile import known_models, load
from ingest.settings_file import Table

_UNIT = r"[a-z][a-z0-9_-]{0,31}"
_ADDRESS_WANTED = "give the gateway's IPv4 address, such as 192.168.4.1; asking for a name would stop the board's polls"
_RESERVED_UNITS = ("gateway",)
_RESERVED_DEVICES = ("board",)
_MAX_DEVICES = 8
# ESP32 datasheet: UART 0 carries the console on pins 1 and 3, 6 to 11 belong to the flash, 34 to 39 are inputs only;
# 0, 2, 12 and 15 decide how the chip starts.
_UARTS = (1, 2)
_OUTPUTS = (4, 5, 13, 14, 16, 17, 18, 19, 21, 22, 23, 25, 26, 27, 32, 33)
_INPUTS = (*_OUTPUTS, 34, 35, 36, 39)


def read(path: Path) -> dict[str, Any]:
    """The unit's settings in the file's own structure, ready for `unit.json`.

    Raises SettingsError with one line that names file, key, value and the way out; no line shows a password.
    """
    file = Table.of_file(path, "firmware/unit.example.toml")
    unit = file.text("unit", _UNIT, "give 1 to 32 lower-case letters, digits, - and _, a letter first")
    if unit in _RESERVED_UNITS:
        raise file.wrong("unit", unit, "the gateway's MQTT user has that name; give another")
    settings = {
        "unit": unit,
        "period": file.integer("period", 1, 3600),
        "wifi": _wifi(file.table("wifi")),
        "broker": _broker(file.table("broker")),
        "bus": _bus(file.table("bus")),
        "devices": _devices(file),
    }
    file.refuse_unknown()
    return settings


def _wifi(table: Table) -> dict[str, Any]:
    return {
        "ssid": table.text("ssid", r".{1,32}", "give the network's name, 1 to 32 characters"),
        "password": table.text("password", r".{8,63}", "give a WPA password of 8 to 63 characters", secret=True),
    }


def _broker(table: Table) -> dict[str, Any]:
    host = table.text("host", ".+", _ADDRESS_WANTED)
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        raise table.wrong("host", host, _ADDRESS_WANTED) from None
    return {
        "host": host,
        "port": table.integer("port", 1, 65535),
        "password": table.text("password", r"\S.*", "give the unit's MQTT password", secret=True),
    }


def _bus(table: Table) -> dict[str, Any]:
    bus = {"uart": table.choice("uart", _UARTS), "tx": table.choice("tx", _OUTPUTS), "rx": table.choice("rx", _INPUTS)}
    if table.has("de"):
        bus["de"] = table.choice("de", _OUTPUTS)
    pins = [key for key in bus if key != "uart"]
    for number, key in enumerate(pins):
        if bus[key] in [bus[other] for other in pins[:number]]:
            raise table.wrong(key, bus[key], "another line of the bus has that pin; give each its own")
    return bus


def _devices(file: Table) -> list[dict[str, Any]]:
    tables = file.tables("devices")
    if len(tables) > _MAX_DEVICES:
        raise file.wrong("devices", len(tables), f"one bus takes {_MAX_DEVICES}; leave some out")
    devices: list[dict[str, Any]] = []
    serial: dict[tuple[int, str, int], str] = {}
    for table in tables:
        name = table.text("name", _UNIT, "give 1 to 32 lower-case letters, digits, - and _, a letter first")
        if name in _RESERVED_DEVICES:
            raise table.wrong("name", name, "the board itself has that name; give another")
        if name in [device["name"] for device in devices]:
            raise table.wrong("name", name, "another device has that name; give each its own")
        profile = load(table.choice("model", known_models()))
        address = table.integer("address", *profile.addresses)
        if profile.layout_at(address) is None:
            raise table.wrong("address", address, f"a {profile.model} has one of {profile.addresses_text()}")
        if address in [device["address"] for device in devices]:
            raise table.wrong("address", address, "another device of the bus answers there; set one of them to another")
        serial[profile.baudrate, profile.parity, profile.stop_bits] = name
        if len(serial) > 1:
            bus = ", ".join(f"{other}: {baud} 8{parity}{stop}" for (baud, parity, stop), other in serial.items())
            raise table.wrong("model", profile.model, f"all devices of one bus talk alike, but {bus}; leave one out")
        devices.append({"name": name, "model": profile.model, "address": address})
    return devices
