import json
import struct
from base64 import b64decode
from pathlib import Path

import pytest

from firmware.board.decode import NO_WORDS, ROW, Profile
from firmware.host import profile
from ingest.settings_file import SettingsError
from ingest.signals import catalogue

SMALL = """
title = "Some BMS"
measurement = "bms"
serial = { baudrate = 9600, parity = "N", stop_bits = 1, addresses = [1, 16], timeout_ms = 350, gap_ms = 100 }
reading = { function = 3, word_order = "high_first", max_registers = 30 }
signals = [
    { address = 0x10, name = "cell_{01..03}_voltage", type = "u16", decimals = 3, unit = "V", absent = [0] },
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
    assert compiled["signals"] == (
        "cell_01_voltage cell_02_voltage cell_03_voltage protections soc charge_mosfet"
        " cell_voltage_min cell_voltage_max cell_voltage_spread"
    )
    assert compiled["cells"] == [0, 3]
    assert list(struct.iter_unpack(ROW, b64decode(compiled["rows"]))) == [
        (3, 0x10, 0, 3, b"u", 2, 3, 0, 0, 1, 0, 0, 0, 0, 0, NO_WORDS),
        (3, 0x13, 3, 1, b"u", 4, 0, 0, 0, 0, 0x20002, 0, 0, 0, 0, NO_WORDS),
        (3, 0x15, 4, 1, b"u", 2, 0, 0, 0, 0, 0x00FF, 0, 0, 0, 0, NO_WORDS),
        (3, 0x16, 5, 1, b"b", 2, 0, 0, 0, 0, 0x0008, 3, 0, 0, 0, NO_WORDS),
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
        ("17 =", "199 =", "bits.protections.199: '199'; give a number from 0 to 127"),
        (
            "17 =",
            "99 =",
            "signals.2 (protections).type: 'u32'; bits.protections goes up to 99; give a type with so many",
        ),
        ('"short circuit"', "1", "bits.protections.17: 1; give a word in quotes"),
        ('"soc"', '"charge"', "signals.charge: not in ingest/signals.toml"),
        ('unit = "%"', 'unit = "V"', "signals.soc.unit: 'V'; the catalogue has '%'"),
        ('"u32"', '"u64"', "signals.2 (protections).type: 'u64'; give one of"),
        (
            '"u32"',
            '"u16"',
            "signals.2 (protections).type: 'u16'; bits.protections goes up to 17; give a type with so many",
        ),
        ("absent = [0]", "absent = [0, 1, 2]", "signals.1 (cell_{01..03}_voltage).absent: [0, 1, 2]; give one or two"),
        ('"u16", bits = [0, 7]', '"flags"', "signals.3 (soc).type: 'flags'; give a table [bits.soc]"),
        ('"u16", bits = [0, 7]', '"volts"', "signals.3 (soc).type: 'volts'; give reading.scaling_words"),
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
        ('"bool16", bits = [3]', '"bit"', "type: 'bit'; function 3 takes bool16, bool32, u16"),
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
    with pytest.raises(SettingsError, match="device: 'pylontech'; give one of daly, epever_tracer, jk_pb"):
        profile.load("pylontech")


def test_a_pace_that_is_only_starting_tells_no_layout() -> None:
    files = profile.load("pace").files()
    board = Profile(files["pace"], 1, files.__getitem__)
    for first, reads in (
        (0, []),
        (1, [(3, 0, 59)]),
        (99, [(3, 0, 59)]),
        (0, []),
        (100, [(3, 0, 37)]),
        (65535, [(3, 0, 37)]),
    ):
        board.settle(first.to_bytes(2, "big"))
        assert board.reads == reads, first  # 0 neither counts cells nor is the voltage of one


@pytest.mark.parametrize("model", profile.known_models())
def test_each_profile_is_right_and_small_enough_for_the_board(model: str) -> None:
    loaded = profile.load(model)
    files = loaded.files()
    for layout in loaded.layouts:
        board = Profile(files[model], layout.lowest, files.__getitem__)
        if board.probe:
            board.settle(layout.lowest.to_bytes(2, "big"))
        assert board.reads
        assert all(count <= loaded.limits.max_registers for function, _, count in board.reads if function > 2)
        told = {name for read in board.reads for name in board.names(*read)}
        assert told == {name for register in layout.signals for name in register.names}
        assert told <= set(board.signals) <= set(catalogue()[loaded.measurement])
    assert all(len(json.dumps(compiled, separators=(",", ":"))) < 2000 for compiled in files.values())


@pytest.mark.parametrize(
    ("model", "layout", "reads", "optional"),
    [
        ("jk_pb", "", [(3, 0x1200, 32), (3, 0x128A, 28), (3, 0x12F8, 3)], [(3, 0x12F8, 3)]),
        ("seplos_v3", "", [(4, 0x1000, 17), (4, 0x1100, 26), (1, 0x1200, 144)], []),
        ("pace", "v1_3", [(3, 0, 37)], []),
        ("pace", "extended", [(3, 0, 59)], []),
        ("daly", "d2", [(3, 0, 62), (3, 0x3E, 9)], [(3, 0x3E, 9)]),
        ("daly", "p81", [(3, 0, 64), (3, 0x41, 62)], []),
        (
            "epever_tracer",
            "",
            [(4, 0x3100, 8), (4, 0x310C, 6), (4, 0x3201, 1), (4, 0x330C, 8), (4, 0x331B, 2), (2, 0x200C, 1)],
            [(2, 0x200C, 1)],
        ),
        ("renogy_rover", "", [(3, 0x0100, 35)], []),
        ("morningstar_tristar", "", [(3, 0, 69)], []),
    ],
)
def test_the_reads_of_one_poll(
    model: str, layout: str, reads: list[tuple[int, int, int]], optional: list[tuple[int, int, int]]
) -> None:
    loaded = profile.load(model)
    board = Profile(loaded.compiled(next(each for each in loaded.layouts if each.name == layout)))
    assert (board.reads, board.optional) == (reads, optional)


def test_what_a_device_lacks_is_no_signal_of_it() -> None:
    signals = {
        model: {name for each in profile.load(model).signals for name in each.names} for model in profile.known_models()
    }
    assert "soh" not in signals["daly"]
    assert {"soh", "full_capacity"} <= signals["seplos_v3"] & signals["pace"] & signals["jk_pb"]
    assert not {"load_voltage", "load_current", "load_power", "battery_net_current"} & signals["morningstar_tristar"]
    assert "battery_net_current" not in signals["renogy_rover"]


@pytest.mark.parametrize("model", profile.known_models())
def test_every_bit_of_warnings_protections_and_faults_has_a_name(model: str) -> None:
    loaded = profile.load(model)
    for register in loaded.signals:
        if register.name in ("warnings", "protections", "faults"):
            bits = loaded.bits[register.name]
            mask = (1 << len(register.places)) - 1 if register.places else register.mask
            assert sum(1 << bit for bit in bits) == mask
            assert mask is not None
            assert mask < 2**32
            assert len(set(bits.values())) == len(bits)


def test_the_slave_address_tells_the_layout_of_a_daly() -> None:
    daly = profile.load("daly")
    names = {
        address: layout and layout.name
        for address in (0, 0x80, 0x81, 0x8F, 0x90, 0xD2, 0xD3)
        for layout in [daly.layout_at(address)]
    }
    assert names == {0: None, 0x80: None, 0x81: "p81", 0x8F: "p81", 0x90: None, 0xD2: "d2", 0xD3: None}
    files = daly.files()
    board = Profile(files["daly"], 0x8F, files.__getitem__)
    assert (board.reply_address(0x8F), board.probe) == (0x5F, None)
    assert Profile(files["daly"], 0xD2, files.__getitem__).reply_address(0xD2) == 0xD2


def test_a_profile_of_two_layouts_is_checked_in_both(tmp_path: Path) -> None:
    text = (profile.DEVICES / "pace.toml").read_text("utf-8")
    with pytest.raises(SettingsError, match=r"layouts\.2\.register: \[99, 0\]; give the lowest and the highest"):
        read(tmp_path, text.replace("[1, 99]", "[99, 0]"))
    with pytest.raises(SettingsError, match=r"signals\.mosfet_temperature\.overrides: False"):
        read(tmp_path, text.replace('"environment_temperature"', '"mosfet_temperature"', 1))


def test_a_product_is_of_signals_that_the_device_gives(tmp_path: Path) -> None:
    text = (profile.DEVICES / "renogy_rover.toml").read_text("utf-8")
    with pytest.raises(SettingsError, match=r"products\.charge_power: 'soc'; no register gives it"):
        read(tmp_path, text.replace("battery_voltage * charge_current", "soc * charge_current"))
    with pytest.raises(SettingsError, match=r"products\.load_power: no signal"):
        read(tmp_path, text.replace('charge_power = "', 'load_power = "'))
    with pytest.raises(SettingsError, match=r"products\.charge_power: '3'; give two signals"):
        read(tmp_path, text.replace("battery_voltage * charge_current", "3"))


def test_the_command_shows_the_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert profile.main([str(profile.DEVICES / "daly.toml")]) == 0
    assert capsys.readouterr().out == (
        "daly d2\n"
        "  function 3: 62 from 0x0000 on\n"
        "  function 3: 9 from 0x003e on, may be refused\n"
        "daly p81\n"
        "  function 3: 64 from 0x0000 on\n"
        "  function 3: 62 from 0x0041 on\n"
    )


def test_the_command_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "some_bms.toml"
    path.write_text(SMALL.replace("9600", "9601"), "utf-8")
    assert profile.main([str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"{path}:4: serial.baudrate: 9601; give one of")


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
