"""Settings of one unit, as `firmware/unit.example.toml` shows them: read, checked, and made what the board loads."""

import base64
import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firmware.host.profile import known_models, load
from ingest.settings_file import Table, is_host

_UNIT = r"[a-z][a-z0-9_-]{0,31}"
_ADDRESS_WANTED = "give the gateway's IPv4 address, such as 192.168.4.1; asking for a name would stop the board's polls"
_WPA_WANTED = (
    "give a WPA password of 8 to 63 characters; an open Wi-Fi is refused, anyone near could read the unit's password"
)
_RESERVED_UNITS = ("gateway",)
_RESERVED_DEVICES = ("board",)
_MAX_DEVICES = 8
# ESP32 datasheet: UART 0 carries the console on pins 1 and 3, 6 to 11 belong to the flash, 34 to 39 are inputs only;
# 0, 2, 12 and 15 decide how the chip starts.
_UARTS = (1, 2)
_OUTPUTS = (4, 5, 13, 14, 16, 17, 18, 19, 21, 22, 23, 25, 26, 27, 32, 33)
_INPUTS = (*_OUTPUTS, 34, 35, 36, 39)
# The blue LED of most ESP32 boards hangs on 2, which may drive one once the chip has started.
_LED_PINS = (2, *_OUTPUTS)
_CERTIFICATE_BYTES = 3072
"""A board has to find room for it in one piece, in base64."""


def read(path: Path) -> dict[str, Any]:
    """The unit's settings in the file's own structure, ready for `unit.json`.

    Raises SettingsError with one line that names file, key, value and the way out; no line shows a password.
    """
    file = Table.of_file(path, "firmware/unit.example.toml")
    file.only("unit", "period", "led", "wifi", "broker", "bus", "saving", "devices")
    unit = file.text("unit", _UNIT, "give 1 to 32 lower-case letters, digits, - and _, a letter first")
    if unit in _RESERVED_UNITS:
        raise file.wrong("unit", unit, "the gateway's MQTT user has that name; give another")
    settings: dict[str, Any] = {
        "unit": unit,
        "period": file.integer("period", 1, 3600),
        "wifi": _wifi(file.table("wifi")),
        "broker": _broker(file.table("broker"), path.parent),
        "bus": _bus(file.table("bus")),
        "devices": _devices(file),
    }
    if file.has("led"):
        settings["led"] = _led(file, settings["bus"])
    if file.has("saving"):
        settings["saving"] = _saving(file.table("saving"), settings["devices"], settings["period"])
    return settings


def _wifi(table: Table) -> dict[str, Any]:
    table.only("ssid", "password")
    return {
        "ssid": table.text("ssid", r".{1,32}", "give the network's name, 1 to 32 characters"),
        "password": table.text("password", r".{8,63}", _WPA_WANTED, secret=True),
    }


def _broker(table: Table, folder: Path) -> dict[str, Any]:
    table.only("host", "port", "password", "ca", "name")
    host = table.text("host", ".+", _ADDRESS_WANTED)
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        raise table.wrong("host", host, _ADDRESS_WANTED) from None
    broker = {
        "host": host,
        "port": table.integer("port", 1, 65535),
        "password": table.text("password", r"\S.*", "give the unit's MQTT password", secret=True),
    }
    return broker | _tls(table, folder) if table.has("ca") or table.has("name") else broker


def _tls(table: Table, folder: Path) -> dict[str, Any]:
    """What the board checks the broker's certificate with: the CA's, the name in it, and a day on which both are valid.

    The board has no calendar before it has heard the gateway, so it judges by the day on which its settings were made.
    """
    path = table.text("ca", way_out="give the path of a file with the CA's certificate, in PEM; [broker] name needs it")
    name = table.text("name", ".+", "give the host name that the broker's certificate is for; [broker] ca needs it")
    if not is_host(name):
        raise table.wrong("name", name, "give a host name without a port, as in the broker's certificate")
    today = datetime.now(UTC)
    return {
        "ca": base64.b64encode(_certificate(table, path, folder, today)).decode(),
        "name": name,
        "day": int(today.strftime("%Y%m%d")),
    }


def _certificate(table: Table, path: str, folder: Path, today: datetime) -> bytes:
    one_wanted = "give a file with one certificate in PEM, the one that the broker's was signed with"
    try:
        text = (folder / path).read_text("ascii")
        certificate = ssl.PEM_cert_to_DER_cert(text[text.find(ssl.PEM_HEADER) :].strip())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=certificate)
    except OSError as error:  # SSLError is one
        told = "not a certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise table.wrong("ca", path, f"{told}; {one_wanted}") from None
    except ValueError:
        raise table.wrong("ca", path, one_wanted) from None
    if len(certificate) > _CERTIFICATE_BYTES:
        raise table.wrong("ca", path, f"{len(certificate)} bytes; the board has room for {_CERTIFICATE_BYTES}")
    if not context.get_ca_certs():
        raise table.wrong("ca", path, f"it may sign nothing; {one_wanted}")
    for validity in context.get_ca_certs():
        since, until = (ssl.cert_time_to_seconds(str(validity[key])) for key in ("notBefore", "notAfter"))
        if not since <= today.timestamp() <= until:
            raise table.wrong("ca", path, f"valid from {validity['notBefore']} to {validity['notAfter']}; renew it")
    return certificate


def _led(file: Table, bus: dict[str, Any]) -> int:
    pin = file.choice("led", _LED_PINS)
    if pin in [bus[key] for key in bus if key != "uart"]:
        raise file.wrong("led", pin, "a line of the bus has that pin; give another")
    return pin


def _saving(table: Table, devices: Sequence[dict[str, Any]], period: int) -> dict[str, Any]:
    table.only("device", "below_soc", "period")
    saving = {
        "device": table.choice(
            "device", [device["name"] for device in devices if load(device["model"]).measurement == "bms"]
        ),
        "below_soc": table.integer("below_soc", 1, 100),
        "period": table.integer("period", 1, 3600),
    }
    if saving["period"] <= period:
        raise table.wrong("period", saving["period"], f"give more than the {period} s of the unit, to poll less often")
    return saving


def _bus(table: Table) -> dict[str, Any]:
    table.only("uart", "tx", "rx", "de")
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
        table.only("name", "model", "address")
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
