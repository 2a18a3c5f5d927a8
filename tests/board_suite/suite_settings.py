"""Runs under CPython and MicroPython; see run.py."""

import json
import os

from settings import SettingsError, led, load

FILE = "suite_settings_%d.json" % int.from_bytes(os.urandom(4), "little")


def good():
    return {
        "unit": "raft-01",
        "period": 10,
        "wifi": {"ssid": "village", "password": "wifi-secret"},
        "broker": {"host": "192.168.4.1", "port": 1883, "password": "unit-secret"},
        "bus": {"uart": 1, "tx": 17, "rx": 16},
        "devices": [
            {"name": "bms1", "model": "jk_pb", "address": 2},
            {"name": "mppt1", "model": "epever_tracer", "address": 1},
        ],
    }


def loaded(text):
    with open(FILE, "w") as file:
        file.write(text)
    try:
        return load(FILE)
    finally:
        os.remove(FILE)


def complaint(settings):
    try:
        loaded(json.dumps(settings))
    except SettingsError as error:
        assert "\n" not in str(error) and "secret" not in str(error), error
        return str(error)
    raise AssertionError("it was accepted")


def changed(path, value):
    settings = good()
    table = settings
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    return settings


def test_good_settings_come_out_as_they_are():
    assert loaded(json.dumps(good())) == good()
    full = good()
    full["led"] = 2
    full["bus"]["de"] = 4
    full["saving"] = {"device": "bms1", "below_soc": 20, "period": 60}
    full["broker"].update({"ca": "MAAB", "name": "gateway", "day": 20261125})
    assert loaded(json.dumps(full)) == full


def test_each_wrong_value_is_named():
    for path, value, named in (
        (("unit",), "Raft 1", 'unit: "Raft 1"'),
        (("broker", "host"), "gateway", 'broker.host: "gateway" is no IPv4 address'),
        (("broker", "host"), "192.168.4", 'broker.host: "192.168.4" is no IPv4 address'),
        (("broker", "host"), "192.168.4.256", 'broker.host: "192.168.4.256" is no IPv4 address'),
        (("broker", "host"), "192.168..1", 'broker.host: "192.168..1" is no IPv4 address'),
        (("unit",), "1raft", 'unit: "1raft"'),
        (("period",), 0, "period: 0"),
        (("period",), "10", 'period: "10"'),
        (("period",), True, "period: true"),
        (("wifi", "ssid"), "", 'wifi.ssid: ""'),
        (("wifi", "password"), "secret", "wifi.password: the value"),
        (("broker", "port"), 65536, "broker.port: 65536"),
        (("broker",), "192.168.4.1", "broker is not a table"),
        (("bus", "uart"), 0, "bus.uart: 0"),
        (("bus", "de"), 40, "bus.de: 40"),
        (("led",), 40, "led: 40"),
        (("saving",), {"device": "bms1", "below_soc": 0, "period": 60}, "saving.below_soc: 0"),
        (("saving",), {"device": "bms", "below_soc": 20, "period": 60}, 'saving.device: no device has the name "bms"'),
        (("saving",), {"device": "bms1", "period": 60}, "saving: below_soc is missing"),
        (("broker", "ca"), "MAAB", "broker: ca, name and day belong together, but only ca is there"),
        (("broker", "ca"), "secret, not base64", "broker.ca: the value is no certificate in base64"),
        (("broker", "name"), 7, "broker.name: 7"),
        (("devices",), [], "devices is not a list"),
        (("devices", 1, "address"), 256, "devices[1].address: 256"),
        (("devices", 1, "name"), 'a"b', "devices[1].name"),
    ):
        assert named in complaint(changed(path, value)), (path, complaint(changed(path, value)))


def test_an_unknown_key_is_named():
    assert "bus: speed is unknown" in complaint(changed(("bus", "speed"), 9600))


def test_a_missing_key_is_named():
    settings = good()
    del settings["broker"]["host"]
    assert "broker: host is missing" in complaint(settings)


def test_names_and_addresses_are_distinct():
    assert 'name "bms1"' in complaint(changed(("devices", 1, "name"), "bms1"))
    assert "address 2" in complaint(changed(("devices", 1, "address"), 2))
    assert "board" in complaint(changed(("devices", 1, "name"), "board"))


def test_no_file_and_no_json_are_told_apart():
    for text, told in (("{", "not JSON"), ("", "not JSON"), ("[1]", "settings is not a table")):
        try:
            loaded(text)
        except SettingsError as error:
            assert told in str(error), error
        else:
            raise AssertionError(text)
    try:
        load("suite_no_such_file.json")
    except SettingsError as error:
        assert "is missing" in str(error)
    else:
        raise AssertionError("a missing file was accepted")


def test_the_led_is_found_in_settings_that_are_wrong_elsewhere():
    for text, pin in (
        ('{"led": 2, "unit": 7}', 2),
        ('{"led": 40}', None),
        ('{"led": "2"}', None),
        ("[2]", None),
        ("{", None),
    ):
        with open(FILE, "w") as file:
            file.write(text)
        try:
            assert led(FILE) == pin, text
        finally:
            os.remove(FILE)
    assert led("suite_no_such_file.json") is None
