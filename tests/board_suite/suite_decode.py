"""Runs under CPython and MicroPython; see run.py."""

import binascii
import struct

import decode

KINDS = {"unsigned": b"u", "signed": b"s", "magnitude": b"m", "bool": b"b", "flags": b"f", "text": b"t"}
KINDS.update({"volts": b"V", "amperes": b"A", "watts": b"W"})


def compiled(given, signals=None):
    """A profile for decode.Profile from one whose `registers` are to be read: function, address, name, kind, size,
    decimals, what means not there, mask, shift, words, zero, what is beside it. A name may be [pattern, first, last].
    """
    packed = dict(given)
    rows = [tuple(row) + (None,) * (12 - len(row)) for row in packed.pop("registers", ())]
    names = [
        [row[2]] if isinstance(row[2], str) else [row[2][0] % n for n in range(row[2][1], row[2][2] + 1)]
        for row in rows
    ]
    signals = signals or sum(names, [])
    cells = [name for name in signals if name.startswith("cell_") and name[5:7].isdigit()]
    computed = [product[0] for product in packed.get("products", ())]
    if cells:
        packed["cells"] = [signals.index(cells[0]), len(cells)]
        computed += ["cell_voltage_min", "cell_voltage_max", "cell_voltage_spread"]
    packed["signals"] = " ".join(signals + computed)
    packed["words"] = [row[9] for row in rows if row[9]]
    packed["rows"] = binascii.b2a_base64(
        b"".join([_row(row, names, signals, packed) for row, names in zip(rows, names)])
    )
    return packed


def _row(row, names, signals, packed):
    function, address, _, kind, size, decimals, absent, mask, shift, words, zero, beside = row
    absents = [absent] if isinstance(absent, int) else absent or []
    return struct.pack(
        decode.ROW, function, address, signals.index(names[0]), len(names), KINDS[kind], size, decimals or 0,
        (absents or [0])[0], (absents or [0])[-1], len(absents), mask or 0, shift or 0, zero or 0, beside or 0,
        beside is not None, packed["words"].index(words) if words else decode.NO_WORDS,
    )  # fmt: skip


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
        [3, 9, "state", "unsigned", 2, 0, None, 0x0C, 2, [[0, "off"], [1, "float"]]],
        [3, 10, "serial_number", "text", 8],
        [2, 0x200C, "night", "bool", 1],
    ],
}


def changed(**settings):
    given = dict(BMS)
    given.update(settings)
    return decode.Profile(compiled(given))


def words(*numbers):
    return b"".join(bytes([number >> 8 & 0xFF, number & 0xFF]) for number in numbers)


def test_settings_are_there_to_read():
    profile = changed()
    assert (profile.model, profile.measurement, profile.baudrate, profile.gap_ms) == ("some_bms", "bms", 9600, 50)
    assert profile.reads == [(3, 0, 16), (2, 0x200C, 1)]
    assert profile.optional == [(2, 0x200C, 1)]


def test_numbers_keep_the_register_digits():
    data = words(3287, 3288, 0, 0xFFF6, 0xFFFF, 0xFB1E)
    assert changed().decode(3, 0, 6, data) == {
        "cell_01_voltage": (3287, 3),
        "cell_02_voltage": (3288, 3),
        "temperature_1": (-10, 1),
        "current": (-1250, 3),
    }


def test_a_value_that_means_not_there_is_left_out():
    assert changed().decode(3, 2, 2, words(0, 0xF830)) == {}


def test_a_32_bit_value_cut_by_the_span_is_left_out():
    profile = changed()
    assert profile.decode(3, 4, 1, words(0xFFFF)) == {}
    assert profile.decode(3, 5, 1, words(0xFB1E)) == {}


def test_the_names_of_a_read_are_those_of_the_registers_that_lie_wholly_in_it():
    profile = changed()
    assert profile.names(3, 2, 3) == ["cell_03_voltage", "temperature_1"]
    assert profile.names(3, 9, 1) == ["state"]
    assert profile.names(2, 0x2003, 10) == ["night"] and profile.names(2, 0x2000, 8) == []


def test_both_word_orders():
    assert changed(low_word_first=True).decode(3, 4, 2, words(0xFB1E, 0xFFFF)) == {"current": (-1250, 3)}
    assert changed().decode(3, 7, 2, words(0x0008, 0x0010)) == {"protections": (16, 0)}


def test_addresses_that_count_bytes():
    profile = changed(
        address_step=2,
        registers=[[3, 0x1290, "pack_voltage", "unsigned", 4, 3], [3, 0x1294, "power", "unsigned", 4, 3]],
    )
    assert profile.decode(3, 0x1290, 4, words(0, 52287, 0, 1000)) == {"pack_voltage": (52287, 3), "power": (1000, 3)}
    assert profile.decode(3, 0x1292, 3, words(52287, 0, 1000)) == {"power": (1000, 3)}


def test_bytes_bits_fields_and_text():
    profile = changed()
    assert profile.decode(3, 6, 1, words(0x0001)) == {"charge_mosfet": False, "discharge_mosfet": True}
    assert profile.decode(3, 9, 1, words(0xF4)) == {"state": "float"}
    assert profile.decode(3, 9, 1, words(0x0C)) == {}
    assert profile.decode(3, 10, 4, b"AB 1 \x00\xffz") == {"serial_number": "AB 1"}


def test_a_discrete_input():
    profile = changed()
    assert profile.decode(2, 0x2003, 10, b"\x00\x02") == {"night": True}
    assert profile.decode(2, 0x200C, 1, b"\x00") == {"night": False}
    assert profile.decode(2, 0x2000, 8, b"\xff") == {}
    assert profile.decode(1, 0x200C, 1, b"\x01") == {}


def test_the_names_of_all_signals_stand_in_one_order():
    assert changed().signals == (
        "cell_01_voltage", "cell_02_voltage", "cell_03_voltage", "temperature_1", "current", "charge_mosfet",
        "discharge_mosfet", "protections", "state", "serial_number", "night",
        "cell_voltage_min", "cell_voltage_max", "cell_voltage_spread",
    )  # fmt: skip


def test_one_row_stands_for_numbered_registers():
    profile = changed(registers=[[3, 0x10, ["cell_%02d_voltage", 9, 11], "unsigned", 2, 3, [0]]])
    assert profile.signals[:3] == ("cell_09_voltage", "cell_10_voltage", "cell_11_voltage")
    assert profile.decode(3, 0x11, 2, words(3301, 3302)) == {"cell_10_voltage": (3301, 3), "cell_11_voltage": (3302, 3)}
    assert profile.names(3, 0x0F, 2) == ["cell_09_voltage"]
    doubled = changed(address_step=2, registers=[[3, 0x10, ["cell_%02d_voltage", 9, 11], "unsigned", 2, 3]])
    assert doubled.decode(3, 0x12, 2, words(3301, 3302)) == {"cell_10_voltage": (3301, 3), "cell_11_voltage": (3302, 3)}


def test_of_counted_registers_as_many_are_there_as_the_count_says():
    profile = changed(registers=[[3, 4, ["temperature_%d", 1, 3], "unsigned", 2, 0, [255], None, None, None, 40, 8]])
    assert profile.decode(3, 4, 5, words(61, 255, 65, 0, 3)) == {"temperature_1": (21, 0), "temperature_3": (25, 0)}
    assert profile.decode(3, 4, 5, words(61, 62, 65, 0, 1)) == {"temperature_1": (21, 0)}
    assert profile.decode(3, 4, 4, words(61, 62, 65, 0)) == {} and profile.names(3, 4, 4) == []


def test_a_number_with_another_zero_and_two_that_mean_not_there():
    profile = changed(registers=[[3, 0, "current", "unsigned", 2, 1, [0, 0xFFFF], None, None, None, 30000]])
    assert profile.decode(3, 0, 1, words(29975)) == {"current": (-25, 1)}
    assert profile.decode(3, 0, 1, words(0)) == profile.decode(3, 0, 1, words(0xFFFF)) == {}


def test_sign_and_magnitude_is_no_twos_complement():
    profile = changed(
        registers=[[3, 0, "high", "magnitude", 2, 0, None, 0xFF00, 8], [3, 0, "low", "magnitude", 2, 0, None, 0xFF, 0]]
    )
    assert profile.decode(3, 0, 1, words(0x8A0A)) == {"high": (-10, 0), "low": (10, 0)}


def test_flags_gather_the_bits_that_mean_something():
    profile = changed(
        registers=[[3, 4, "protections", "flags", 4, 0, None, None, None, [1, 15, 16, 31]],
                   [1, 8, "warnings", "flags", 16, 0, None, None, None, [0, 7, 15]]]
    )  # fmt: skip
    assert profile.decode(3, 4, 2, words(0x8000, 0x0001)) == {"protections": (0b0110, 0)}
    assert profile.decode(3, 4, 2, words(0x7FFD, 0x7FFE)) == {"protections": (0, 0)}
    assert profile.decode(3, 4, 2, words(0x0002, 0x8000)) == {"protections": (0b1001, 0)}
    assert profile.decode(3, 4, 1, words(0xFFFF)) == {}
    assert profile.decode(1, 0, 24, b"\xff\x80\x80") == {"warnings": (0b110, 0)}


def test_bits_of_one_byte_are_a_number_too():
    profile = changed(registers=[[1, 8, "state", "unsigned", 8, 0], [1, 16, "balancing", "bool", 16]])
    assert profile.decode(1, 0, 32, b"\x00\x43\x00\x80") == {"state": (0x43, 0), "balancing": True}
    assert profile.decode(1, 16, 16, b"\x00\x00") == {"balancing": False}


def test_numbers_scaled_by_the_words_beside_them_are_exact():
    profile = changed(
        registers=[[3, 4, "voltage", "volts", 2, 3, None, None, None, None, None, 0],
                   [3, 5, "current", "amperes", 2, 3, None, None, None, None, None, 0],
                   [3, 6, "power", "watts", 2, 1, None, None, None, None, None, 0]]
    )  # fmt: skip
    # 78 + 934 / 65536 = 78.01425 A and 180.25 V at full scale: 10000 × 180.25 / 2^15 = 55.00793, and so on.
    scale = (180, 16384, 78, 934)
    assert profile.decode(3, 0, 7, words(*scale, 10000, 0xFFFD, 8000)) == {
        "voltage": (55008, 3),
        "current": (-7, 3),
        "power": (8583, 1),
    }
    assert profile.decode(3, 0, 7, words(*scale, 0x8000, 0x7FFF, 0xFFFF)) == {
        "voltage": (-180250, 3),
        "current": (78012, 3),
        "power": (70309, 1),
    }
    assert profile.decode(3, 1, 6, words(*scale[1:], 10000, 0, 0)) == {}


SIGNALS = ["soc", "cell_01_voltage", "cell_02_voltage"]
PAGED = dict(BMS)
for _name in ("reads", "optional", "registers"):
    del PAGED[_name]
PAGED.update(probe=[3, 15, 1], layouts=[["some.old", 100, 65535], ["some.new", 0, 99]])
PAGED = compiled(PAGED, SIGNALS)
OLD = {"reads": [[3, 15, 1]], "optional": [], "registers": [[3, 15, "soc", "unsigned", 2]]}
NEW = {
    "reads": [[3, 16, 2]],
    "optional": [],
    "registers": [[3, 16, ["cell_%02d_voltage", 1, 2], "unsigned", 2, 3]],
    "reply_offset": -48,
}
LAYOUTS = {"some.old": compiled(OLD, SIGNALS), "some.new": compiled(NEW, SIGNALS)}


def test_the_answer_to_the_probe_chooses_the_layout_and_may_choose_again():
    loaded = []

    def load(name):
        loaded.append(name)
        return LAYOUTS[name]

    profile = decode.Profile(PAGED, 1, load)
    signals = profile.signals
    assert signals[:3] == ("soc", "cell_01_voltage", "cell_02_voltage")
    assert (profile.probe, profile.reads, loaded) == ((3, 15, 1), [], [])
    profile.settle(words(4))
    assert (profile.reads, profile.reply_address(0x81)) == ([(3, 16, 2)], 0x51)
    assert profile.decode(3, 16, 2, words(3300, 3301)) == {"cell_01_voltage": (3300, 3), "cell_02_voltage": (3301, 3)}
    profile.settle(words(3300))
    assert (profile.reads, profile.reply_address(0x81), profile.signals) == ([(3, 15, 1)], 0x81, signals)
    assert profile.decode(3, 15, 2, words(99, 3301)) == {"soc": (99, 0)}
    assert loaded == ["some.new", "some.old"]


def test_the_slave_address_chooses_where_nothing_is_asked():
    unasked = dict(PAGED)
    del unasked["probe"]
    for address, read in ((99, (3, 16, 2)), (100, (3, 15, 1))):
        profile = decode.Profile(unasked, address, LAYOUTS.get)
        assert (profile.probe, profile.reads) == (None, [read])


def test_a_model_of_one_layout_asks_nothing_and_answers_from_its_address():
    profile = changed()
    assert (profile.probe, profile.reply_address(0)) == (None, 0)


def test_a_span_is_divided_where_no_value_is_cut():
    profile = changed()
    assert profile.split((3, 0, 6)) == [(3, 0, 2), (3, 2, 4)]
    assert profile.split((3, 4, 3)) == [(3, 4, 2), (3, 6, 1)]
    assert profile.split((3, 4, 2)) is None  # one value of 32 bits
    assert profile.split((3, 6, 1)) is None  # two values of one register
    assert profile.split((3, 20, 5)) is None
    assert profile.split((2, 0x2000, 16)) is None


def test_the_halves_are_as_short_as_what_is_wanted():
    profile = changed(registers=[[3, 2, "soc", "unsigned", 2], [3, 9, "soh", "unsigned", 2]])
    assert profile.split((3, 0, 12)) == [(3, 2, 1), (3, 9, 1)]
    doubled = changed(address_step=2, registers=[[3, 0x10, ["cell_%02d_voltage", 1, 4], "unsigned", 2, 3]])
    assert doubled.split((3, 0x10, 4)) == [(3, 0x10, 2), (3, 0x14, 2)]


def test_values_are_not_parted_from_what_stands_beside_them():
    counted = [3, 4, ["temperature_%d", 1, 3], "unsigned", 2, 0, None, None, None, None, 40, 8]
    profile = changed(registers=[[3, 0, "soc", "unsigned", 2], counted, [3, 6, "soh", "unsigned", 2]])
    assert profile.split((3, 0, 10)) == [(3, 0, 1), (3, 4, 5)]
    assert profile.split((3, 4, 5)) is None
    bits = changed(registers=[[1, 8, "state", "unsigned", 8], [1, 20, "charge_mosfet", "bool", 1]])
    assert bits.split((1, 0, 144)) == [(1, 8, 8), (1, 20, 1)]


def test_a_product_of_two_signals_has_the_digits_of_both():
    profile = changed(products=[["charge_power", "voltage", "current"]])
    values = {"voltage": (561, 1), "current": (1234, 2)}
    profile.complete(values)
    assert values["charge_power"] == (692274, 3)
    alone = {"voltage": (561, 1)}
    profile.complete(alone)
    assert alone == {"voltage": (561, 1)}
    assert "charge_power" in profile.signals


def test_the_spread_of_the_cells_is_computed():
    values = {"cell_01_voltage": (3287, 3), "cell_03_voltage": (3300, 3), "cell_02_voltage": (3280, 3), "soc": (5, 0)}
    changed().complete(values)
    assert values["cell_voltage_min"] == (3280, 3)
    assert values["cell_voltage_max"] == (3300, 3)
    assert values["cell_voltage_spread"] == (20, 3)


def test_without_cells_nothing_is_computed():
    values = {"soc": (5, 0), "cell_voltage_average": (3280, 3)}
    changed().complete(values)
    assert sorted(values) == ["cell_voltage_average", "soc"]


def test_a_number_has_the_digits_of_the_device():
    for value, text in (
        ((52287, 3), "52.287"),
        ((-5, 2), "-0.05"),
        ((0, 3), "0.000"),
        ((7, 0), "7"),
        ((5, -1), "50"),
        ((0, -1), "0"),
        ((-3, -1), "-30"),
        ((4294967295, 3), "4294967.295"),
    ):
        assert decode.decimal(*value) == text
