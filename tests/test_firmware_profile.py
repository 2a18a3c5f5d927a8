from pathlib import Path

import pytest

from firmware.board.decode import Profile
from firmware.host import profile
from ingest.settings_file import SettingsError
from ingest.signals import catalogue

SMALL = """
title = "Some BMS"
measurement = "bms"
serial = { baudrate = 9600, parity = "N", stop_bits = 1, addresses = [1, 16], timeout_ms = 350, gap_ms = 100 }
reading = { function = 3, word_order = "high_first", max_registers = 30 }
signals = [
    { address = 0x10, name = "cell_{01..03}_voltage", type = "u16", decimals = 3, unit = "V", absent = 0 },
    { address = 0x13, name = "protections", type = "u32" },
    { address = 0x15, name = "soc", type = "u16", bits = [0, 7], unit = "%" },
    { address = 0x16, name = "charge_mosfet", type = "bool16", bits = [3] },
]
details = [
    { address = 0x20, name = "serial_number", type = "text", registers = 4 },
]
[bits.protections]
1 = "cell over-voltage"
17 = "short circuit"
"""


def read(folder: Path, text: str) -> profile.DeviceProfile:
    path = folder / "some_bms.toml"
    path.write_text(text, "utf-8")
    return profile.read(path)


def test_lines_become_rows_of_the_board(tmp_path: Path) -> None:
    compiled = read(tmp_path, SMALL).compiled()
    assert compiled["model"] == "some_bms"
    assert compiled["reads"] == [[3, 0x10, 7]]
    assert compiled["registers"] == [
        [3, 0x10, "cell_01_voltage", "unsigned", 2, 3, 0],
        [3, 0x11, "cell_02_voltage", "unsigned", 2, 3, 0],
        [3, 0x12, "cell_03_voltage", "unsigned", 2, 3, 0],
        [3, 0x13, "protections", "unsigned", 4, 0, None, 0x20002, 0],
        [3, 0x15, "soc", "unsigned", 2, 0, None, 0x00FF, 0],
        [3, 0x16, "charge_mosfet", "bool", 2, 0, None, 0x0008, 3],
    ]


def test_the_names_of_the_bits_are_there_for_events(tmp_path: Path) -> None:
    assert read(tmp_path, SMALL).bits["protections"] == {1: "cell over-voltage", 17: "short circuit"}


@pytest.mark.parametrize(
    ("line", "instead", "complaint"),
    [
        ('title = "Some BMS"', "", "some_bms.toml: title: missing; give the device's name for people"),
        ('"bms"', '"pump"', "measurement: 'pump'; give one of bms, charge_controller"),
        ("9600", "9601", "serial.baudrate: 9601; give one of 1200, 2400"),
        ("stop_bits = 1", "stop_bits = true", "serial.stop_bits: True; give one of 1, 2"),
        ("[1, 16]", "[16, 1]", "serial.addresses: [16, 1]; give the lowest and the highest"),
        ("gap_ms = 100", 'gap_ms = "100"', "serial.gap_ms: '100'; give a whole number from 2 to 1000"),
        ("max_registers = 30", "max_registers = 30, most = 3", "reading.most: no such key; known here are function"),
        ("[bits.protections]", "[bits.alarms]", "bits.alarms: no such register; name the table after one"),
        ("17 =", "99 =", "bits.protections.99: '99'; give a number from 0 to 31"),
        ('"short circuit"', "1", "bits.protections.17: 1; give a word in quotes"),
        ('"soc"', '"charge"', "signals.charge: not in ingest/signals.toml"),
        ('unit = "%"', 'unit = "V"', "signals.soc.unit: 'V'; the catalogue has '%'"),
        ('"u32"', '"u64"', "signals.2 (protections).type: 'u64'; give one of"),
        ('"u32"', '"bool32"', "signals.protections.type: gives a bool; the catalogue has int"),
        (
            'type = "u32"',
            'type = "u32", decimals = 1',
            "signals.protections.decimals: 1; the catalogue has a whole number",
        ),
        ("bits = [3]", "bits = [16]", "signals.4 (charge_mosfet).bits: [16]; give [bit] or [lowest, highest]"),
        ("bits = [3]", "bit = 3", "signals.4 (charge_mosfet).bit: no such key"),
        ("0x16", "0x14", "signals.charge_mosfet.address: 0x0014, out of order; sort"),
        ('"soc"', '"cell_03_voltage"', "signals.cell_03_voltage.unit: '%'; the catalogue has 'V'"),
        ('"bool16", bits = [3]', '"bit"', "type: 'bit'; give bit for functions 1 and 2"),
        ('"serial_number"', '"soh"', "details.soh: a signal of the catalogue"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, instead: str, complaint: str) -> None:
    assert line in SMALL
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, SMALL.replace(line, instead, 1))
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "some_bms.toml"))
    assert "\n" not in str(caught.value)


def test_a_name_stands_twice_only_where_the_later_line_knows_better(tmp_path: Path) -> None:
    again = SMALL.replace("]\ndetails", '    { address = 0x17, name = "soc", type = "u16", unit = "%" },\n]\ndetails')
    with pytest.raises(SettingsError, match=r"signals\.soc\.overrides: False; overrides = true"):
        read(tmp_path, again)
    assert (
        read(tmp_path, again.replace('0x17, name = "soc"', '0x17, overrides = true, name = "soc"'))
        .signals[-1]
        .overrides
    )


def test_what_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"some_bms\.toml: Invalid value .*; TOML has texts in quotes"):
        read(tmp_path, "title =")


def test_an_unknown_device_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="device: 'pylontech'; give one of epever_tracer, jk_pb"):
        profile.load("pylontech")


@pytest.mark.parametrize("model", profile.known_models())
def test_each_profile_is_right_and_small_enough_for_the_board(model: str) -> None:
    loaded = profile.load(model)
    board = Profile(loaded.compiled())
    assert board.reads
    assert all(count <= loaded.limits.max_registers for _, _, count in board.reads)
    assert {register.name for register in loaded.signals} <= set(catalogue()[loaded.measurement])


def test_the_reads_of_the_first_two_devices() -> None:
    jk = Profile(profile.load("jk_pb").compiled())
    assert jk.reads == [(3, 0x1200, 32), (3, 0x128A, 28), (3, 0x12F8, 3)]
    assert jk.optional == [(3, 0x12F8, 3)]
    epever = Profile(profile.load("epever_tracer").compiled())
    assert epever.reads == [
        (4, 0x3100, 8),
        (4, 0x310C, 6),
        (4, 0x3201, 1),
        (4, 0x330C, 8),
        (4, 0x331B, 2),
        (2, 0x200C, 1),
    ]
    assert epever.optional == [(2, 0x200C, 1)]


def test_bits_that_mean_nothing_are_masked() -> None:
    jk = {register.name: register for register in profile.load("jk_pb").signals}
    protections, warnings = jk["protections"].mask, jk["warnings"].mask
    assert protections is not None
    assert warnings is not None
    assert protections & warnings == 0
    assert protections | warnings == 0xFFFFFF & ~(1 << 19)
    faults = {register.name: register for register in profile.load("epever_tracer").signals}["faults"].mask
    assert faults is not None
    assert faults & 0b11 == 0
