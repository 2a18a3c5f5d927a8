"""Runs under CPython and MicroPython; see run.py."""

import json

import decode

BMS = {
    "model": "some_bms",
    "measurement": "bms",
    "baudrate": 9600,
    "parity": "N",
    "stop_bits": 1,
    "timeout_ms": 350,
    "gap_ms": 50,
    "address_step": 1,
    "low_word_first": False,
    "reads": [[3, 0, 16], [2, 0x200C, 1]],
    "optional": [[2, 0x200C, 1]],
    "registers": [
        [3, 0, "cell_01_voltage", "unsigned", 2, 3, 0],
        [3, 1, "cell_02_voltage", "unsigned", 2, 3, 0],
        [3, 2, "cell_03_voltage", "unsigned", 2, 3, 0],
        [3, 3, "temperature_1", "signed", 2, 1, -2000],
        [3, 4, "current", "signed", 4, 3],
        [3, 6, "charge_mosfet", "bool", 2, 0, None, 0xFF00, 8],
        [3, 6, "discharge_mosfet", "bool", 2, 0, None, 0x00FF, 0],
        [3, 7, "protections", "unsigned", 4, 0, None, 0x00F7FFFE, 0],
        [3, 9, "state", "unsigned", 2, 0, None, 0x0C, 2, {"0": "off", "1": "float"}],
        [3, 10, "serial_number", "text", 8],
        [2, 0x200C, "night", "bool", 1],
    ],
}


def changed(**settings):
    compiled = dict(BMS)
    compiled.update(settings)
    return decode.Profile(compiled)


def words(*numbers):
    return b"".join(bytes([number >> 8 & 0xFF, number & 0xFF]) for number in numbers)


def test_settings_are_there_to_read():
    profile = decode.Profile(BMS)
    assert (profile.model, profile.measurement, profile.baudrate, profile.gap_ms) == ("some_bms", "bms", 9600, 50)
    assert profile.reads == [(3, 0, 16), (2, 0x200C, 1)]
    assert profile.optional == [(2, 0x200C, 1)]


def test_numbers_keep_the_register_digits():
    data = words(3287, 3288, 0, 0xFFF6, 0xFFFF, 0xFB1E)
    assert decode.Profile(BMS).decode(3, 0, 6, data) == {
        "cell_01_voltage": (3287, 3),
        "cell_02_voltage": (3288, 3),
        "temperature_1": (-10, 1),
        "current": (-1250, 3),
    }


def test_a_value_that_means_not_there_is_left_out():
    assert decode.Profile(BMS).decode(3, 2, 2, words(0, 0xF830)) == {}


def test_a_32_bit_value_cut_by_the_span_is_left_out():
    profile = decode.Profile(BMS)
    assert profile.decode(3, 4, 1, words(0xFFFF)) == {}
    assert profile.decode(3, 5, 1, words(0xFB1E)) == {}


def test_the_names_of_a_read_are_those_of_the_registers_that_lie_wholly_in_it():
    profile = decode.Profile(BMS)
    assert profile.names(3, 2, 3) == ["cell_03_voltage", "temperature_1"]
    assert profile.names(3, 9, 1) == ["state"]
    assert profile.names(2, 0x2003, 10) == ["night"] and profile.names(2, 0x2000, 8) == []


def test_both_word_orders():
    assert changed(low_word_first=True).decode(3, 4, 2, words(0xFB1E, 0xFFFF)) == {"current": (-1250, 3)}
    assert decode.Profile(BMS).decode(3, 7, 2, words(0x0008, 0x0010)) == {"protections": (16, 0)}


def test_addresses_that_count_bytes():
    profile = changed(
        address_step=2,
        registers=[[3, 0x1290, "pack_voltage", "unsigned", 4, 3], [3, 0x1294, "power", "unsigned", 4, 3]],
    )
    assert profile.decode(3, 0x1290, 4, words(0, 52287, 0, 1000)) == {"pack_voltage": (52287, 3), "power": (1000, 3)}
    assert profile.decode(3, 0x1292, 3, words(52287, 0, 1000)) == {"power": (1000, 3)}


def test_bytes_bits_fields_and_text():
    profile = decode.Profile(BMS)
    assert profile.decode(3, 6, 1, words(0x0001)) == {"charge_mosfet": False, "discharge_mosfet": True}
    assert profile.decode(3, 9, 1, words(0xF4)) == {"state": "float"}
    assert profile.decode(3, 9, 1, words(0x0C)) == {}
    assert profile.decode(3, 10, 4, b"AB 1 \x00\xffz") == {"serial_number": "AB 1"}


def test_a_discrete_input():
    profile = decode.Profile(BMS)
    assert profile.decode(2, 0x2003, 10, b"\x00\x02") == {"night": True}
    assert profile.decode(2, 0x200C, 1, b"\x00") == {"night": False}
    assert profile.decode(2, 0x2000, 8, b"\xff") == {}
    assert profile.decode(1, 0x200C, 1, b"\x01") == {}


def test_the_spread_of_the_cells_is_computed():
    values = {"cell_01_voltage": (3287, 3), "cell_10_voltage": (3300, 3), "cell_02_voltage": (3280, 3), "soc": (5, 0)}
    decode.Profile(BMS).complete(values)
    assert values["cell_voltage_min"] == (3280, 3)
    assert values["cell_voltage_max"] == (3300, 3)
    assert values["cell_voltage_spread"] == (20, 3)


def test_without_cells_nothing_is_computed():
    values = {"soc": (5, 0), "cell_voltage_average": (3280, 3)}
    decode.Profile(BMS).complete(values)
    assert sorted(values) == ["cell_voltage_average", "soc"]


def test_json_has_the_digits_of_the_device():
    for value, text in (
        ((52287, 3), "52.287"),
        ((-5, 2), "-0.05"),
        ((0, 3), "0.000"),
        ((7, 0), "7"),
        ((5, -1), "50"),
        ((0, -1), "0"),
        ((-3, -1), "-30"),
        ((4294967295, 3), "4294967.295"),
        (True, "true"),
        (False, "false"),
    ):
        assert decode.to_json({"a": value}) == '{"a":' + text + "}"


def test_json_escapes_text():
    text = 'a "b" \\ \n\t é'
    assert json.loads(decode.to_json({"a": text, "b": (1, 0)})) == {"a": text, "b": 1}
