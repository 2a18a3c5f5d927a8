"""The command, and with it every profile against the frames that were captured of its device."""

import json
import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.board import rtu
from firmware.host.decode import main, to_json
from firmware.host.profile import DEVICES, known_models, load

# github:dnc392/rs485-bms-probe protocols/jk_rs485_modbus.py: a JK 8S at 9600 baud.
JK_CELLS = ("010312000010417e", "0103200cd70cd70cd70cd70cd70cd70cd80cd70000000000000000000000000000000026c8")

# github:kasbert/epsolar-tracer test/testdata.py: a Tracer2215BN at night.
EPEVER = [
    ("010431000001 3f36", "010402 00c5 7963", {"pv_voltage": 1.97}),
    ("010431040001 7ef7", "010402 0510 bbac", {"battery_voltage": 12.96}),
    ("010431100001 3ef3", "010402 09c4 bef3", {"battery_temperature": 25.00}),
    ("010431110001 6f33", "010402 0b49 7ff6", {"controller_temperature": 28.89}),
    ("0104311a0001 1ef1", "010402 0046 38c2", {"battery_soc": 70}),
    ("010432010001 6eb2", "010402 0001 78f0", {"stage": "off", "faults": 0, "charging_running": True}),
    ("010333040001 ca8f", "018302 c0f1", {"exception": 2}),
    ("010490000001 1cca", "018402 c2c1", {"exception": 2}),
    ("010390010001 f8ca", "010302 0064 b9af", {"battery_capacity": 100}),
    ("010390130003 d90e", "010306 1805 0202 0f07 0ae7", {"clock_year": 15, "clock_month": 7, "clock_minute": 24}),
    ("010390180001 290d", "010302 f060 fc6c", {"battery_undertemperature_warning": -40.00}),
    ("010390190001 78cd", "010302 2134 a1c3", {"controller_overtemperature_limit": 85.00}),
    ("0103906c0001 6917", "010302 0078 b866", {"boost_duration": 120}),
    ("010100020001 5c0a", "010101 01 9048", {"manual_load_on": True}),
    ("010200020001 180a", "018202 c161", {"exception": 2}),
    ("010220000001 b20a", "010201 00 a188", {"overtemperature": False}),
    ("0102200c0001 7209", "010201 01 6048", {"stage": "night", "night": True}),
    (
        "012b0e01007077",
        "012b0e010100000300154550736f6c6172205465636820636f2e2c204c7464010c54726163657232323135424e020d"
        "5630322e30352b5630372e3132d7d8",
        {"vendor_name": "EPsolar Tech co., Ltd", "product_code": "Tracer2215BN", "revision": "V02.05+V07.12"},
    ),
]


UNKNOWN = "device: '{}'; give one of " + ", ".join(known_models()) + "\n"
FRAMES = [
    pytest.param(path.stem, frame, id=f"{path.stem}-{number}")
    for path in sorted((DEVICES / "frames").glob("*.json"))
    for number, frame in enumerate(json.loads(path.read_text("utf-8")))
]


def run(capsys: pytest.CaptureFixture[str], device: str, request: str, response: str) -> tuple[int, str, str]:
    code = main(["--device", device, "--request", request, "--response", response])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def signals(capsys: pytest.CaptureFixture[str], device: str, request: str, response: str) -> dict[str, Any]:
    code, out, err = run(capsys, device, request, response)
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    decoded: dict[str, Any] = json.loads(out)
    return decoded


def exchange(function: int, start: int, data: bytes) -> tuple[str, str]:
    """A question and its reply, made by hand for registers of which no capture exists."""
    reply = bytes((1, function, len(data))) + data
    return rtu.request(1, function, start, len(data) // 2).hex(), (reply + struct.pack("<H", rtu.crc16(reply))).hex()


@pytest.mark.parametrize(("device", "frame"), FRAMES)
def test_a_frame_says_what_was_written_beside_it(
    capsys: pytest.CaptureFixture[str], device: str, frame: dict[str, Any]
) -> None:
    decoded = signals(capsys, device, frame["request"], frame["response"])
    assert frame["expected"]
    assert {name: decoded.get(name) for name in frame["expected"]} == frame["expected"]


def test_every_model_has_frames_that_say_where_they_come_from() -> None:
    assert {path.stem for path in (DEVICES / "frames").glob("*.json")} == set(known_models())
    for path in (DEVICES / "frames").glob("*.json"):
        for frame in json.loads(path.read_text("utf-8")):
            assert {"request", "response", "expected", "provenance", "source"} <= frame.keys()


def test_cells_of_a_captured_jk(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "jk_pb", *JK_CELLS)[1] == (
        '{"cell_01_voltage":3.287,"cell_02_voltage":3.287,"cell_03_voltage":3.287,"cell_04_voltage":3.287,'
        '"cell_05_voltage":3.287,"cell_06_voltage":3.287,"cell_07_voltage":3.288,"cell_08_voltage":3.287}\n'
    )


def test_a_span_of_a_jk_that_starts_at_cell_3(capsys: pytest.CaptureFixture[str]) -> None:
    decoded = signals(capsys, "jk_pb", *exchange(3, 0x1204, struct.pack(">HH", 3301, 3302)))
    assert decoded == {"cell_03_voltage": 3.301, "cell_04_voltage": 3.302}


def test_the_rest_of_a_jk(capsys: pytest.CaptureFixture[str]) -> None:
    data = struct.pack(
        ">hIIIihhIhBBiIIIBBHIBB",
        *(174, 0, 52287, 470950, -8510, 167, -5, 1 << 19 | 1 << 11 | 1 << 21, -20, 2, 64, 201930, 314000, 7, 534),
        *(98, 0, 0, 262056, 1, 0),
    )
    decoded = signals(capsys, "jk_pb", *exchange(3, 0x128A, data))
    expected = {
        "mosfet_temperature": 17.4,
        "pack_voltage": 52.287,
        "power_magnitude": 470.95,
        "current": -8.51,
        "temperature_1": 16.7,
        "temperature_2": -0.5,
        "protections": 1 << 11,
        "warnings": 1 << 21,
        "balance_current": -0.02,
        "balancing": True,
        "balance_state": "discharge",
        "soc": 64,
        "remaining_capacity": 201.93,
        "full_capacity": 314,
        "cycles": 7,
        "cycled_capacity": 0.534,
        "soh": 98,
        "precharging": False,
        "runtime": 262056,
        "charge_mosfet": True,
        "discharge_mosfet": False,
    }
    assert expected.items() <= decoded.items()


def test_settings_of_a_jk(capsys: pytest.CaptureFixture[str]) -> None:
    data = struct.pack(">IIIiiII", 3500, 2600, 2650, 650, -100, 16, 1)
    request, response = exchange(3, 0x1000, data[:12])
    assert signals(capsys, "jk_pb", request, response) == {
        "smart_sleep_voltage": 3.5,
        "cell_undervoltage_limit": 2.6,
        "cell_undervoltage_recovery": 2.65,
    }
    limits = signals(capsys, "jk_pb", *exchange(3, 0x105C, data[16:20] + data[12:16]))
    assert limits == {"charge_undertemperature_limit": -10.0, "charge_undertemperature_recovery": 65.0}
    assert signals(capsys, "jk_pb", *exchange(3, 0x106C, data[20:])) == {"cell_count": 16, "charge_enabled": True}


def test_texts_of_a_jk(capsys: pytest.CaptureFixture[str]) -> None:
    data = b"JK_PB2A16S20P\0\0\0" + b"15A\0\0\0\0\0" + b"15.38\0\xff\xff"
    assert signals(capsys, "jk_pb", *exchange(3, 0x1400, data)) == {
        "device_model": "JK_PB2A16S20P",
        "hardware_version": "15A",
        "software_version": "15.38",
    }


def test_a_temperature_sensor_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert signals(capsys, "jk_pb", *exchange(3, 0x12F8, struct.pack(">hhh", 231, -2000, -2000))) == {
        "temperature_3": 23.1
    }


@pytest.mark.parametrize(("request_hex", "response_hex", "expected"), EPEVER)
def test_captured_frames_of_an_epever(
    capsys: pytest.CaptureFixture[str], request_hex: str, response_hex: str, expected: dict[str, Any]
) -> None:
    assert expected.items() <= signals(capsys, "epever_tracer", request_hex, response_hex).items()


@pytest.mark.parametrize(
    ("request_hex", "response_hex", "word"),
    [
        ("0104331b00014e89", "0104020000b930", {"register_331b": 0}),
        ("0104331c0001ff48", "010402ffffb880", {"register_331c": 65535}),
    ],
)
def test_half_a_current_is_no_current(
    capsys: pytest.CaptureFixture[str], request_hex: str, response_hex: str, word: dict[str, int]
) -> None:
    """The torn read of the captured Tracer2215BN, -655.36 A if the halves were put together."""
    assert signals(capsys, "epever_tracer", request_hex, response_hex) == word


def test_signs_word_order_and_energy_of_an_epever(capsys: pytest.CaptureFixture[str]) -> None:
    current = signals(capsys, "epever_tracer", *exchange(4, 0x331B, struct.pack(">HH", 0xFF6A, 0xFFFF)))
    assert current == {"battery_net_current": -1.5}
    energy = signals(capsys, "epever_tracer", *exchange(4, 0x330C, struct.pack(">HHHHHHHH", 123, 0, 0, 0, 0, 0, 1, 2)))
    assert energy["energy_today"] == 1230
    assert energy["energy_total"] == 1310730


@pytest.mark.parametrize(
    ("status", "stage", "faults"),
    [(0x0005, "float", 0), (0x0009, "absorption", 0), (0x000D, "equalize", 0), (0x4402, "off", 0x0400)],
)
def test_stages_and_faults_of_an_epever(
    capsys: pytest.CaptureFixture[str], status: int, stage: str, faults: int
) -> None:
    decoded = signals(capsys, "epever_tracer", *exchange(4, 0x3201, struct.pack(">H", status)))
    assert (decoded["stage"], decoded["faults"], decoded["charging_status"]) == (stage, faults, status)


def test_a_number_without_a_word_is_still_shown(capsys: pytest.CaptureFixture[str]) -> None:
    decoded = signals(capsys, "epever_tracer", *exchange(3, 0x9000, struct.pack(">H", 77)))
    assert decoded == {"register_9000": 77}


def test_hex_may_have_spaces_and_colons(capsys: pytest.CaptureFixture[str]) -> None:
    request, response = "01:04:31:04:00:01:7e:f7", "01 04 02 04 CE 3A 64"
    assert signals(capsys, "epever_tracer", request, response) == {"battery_voltage": 12.3}


@pytest.mark.parametrize(
    ("response", "complaint"),
    [
        (JK_CELLS[1][:-2], "response: 36 bytes instead of 37, and the CRC is wrong\n"),
        (JK_CELLS[1][:-1] + "9", "response: wrong CRC\n"),
        ("018302c0f2", "response: wrong CRC\n"),
        ("", "response: too short: 0 bytes\n"),
        ("010402 04ce 3a64", "response: answers function 4 instead of 3\n"),
    ],
)
def test_a_damaged_or_foreign_reply_exits_1(capsys: pytest.CaptureFixture[str], response: str, complaint: str) -> None:
    assert run(capsys, "jk_pb", JK_CELLS[0], response) == (1, "", complaint)


@pytest.mark.parametrize(
    ("device", "request_hex", "response", "complaint"),
    [
        ("jk", *JK_CELLS, UNKNOWN.format("jk")),
        ("../jk_pb", *JK_CELLS, UNKNOWN.format("../jk_pb")),
        (
            "jk_pb",
            "01 03 xx",
            JK_CELLS[1],
            "--request '01 03 xx' is no hex; give pairs of hex digits, such as 01 03 12 00\n",
        ),
        ("jk_pb", JK_CELLS[0], "abc", "--response 'abc' is no hex; give pairs of hex digits, such as 01 03 12 00\n"),
        ("jk_pb", "010312000010417f", JK_CELLS[1], "request: wrong CRC\n"),
        ("jk_pb", "011016200001020000d6f1", JK_CELLS[1], "request: function 16 does not read\n"),
    ],
)
def test_a_wrong_command_exits_2(
    capsys: pytest.CaptureFixture[str], device: str, request_hex: str, response: str, complaint: str
) -> None:
    assert run(capsys, device, request_hex, response) == (2, "", complaint)


def test_a_seplos_tells_celsius_from_tenths_of_a_kelvin(capsys: pytest.CaptureFixture[str]) -> None:
    decoded = signals(capsys, "seplos_v3", *exchange(4, 0x1110, struct.pack(">4H", 2944, 2731, 2720, 3131)))
    assert decoded == {"temperature_1": 21.3, "temperature_2": 0, "temperature_3": -1.1, "temperature_4": 40}


def test_bits_of_a_seplos_begin_with_the_lowest_of_each_byte(capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(18)
    data[9] = 1 << 3 | 1 << 2  # cell under-voltage, and the warning before it
    data[12] = 1 << 6  # short circuit
    data[15] = 0x42  # charge MOSFET, and the reserved bit
    data[17] = 1 << 7  # the last of all
    reply = bytes((0, 1, 18)) + data
    request = rtu.request(0, 1, 0x1200, 144).hex()
    decoded = signals(capsys, "seplos_v3", request, (reply + struct.pack("<H", rtu.crc16(reply))).hex())
    names = load("seplos_v3").bits
    assert set_bits(decoded["protections"], names["protections"]) == [
        "cell under-voltage",
        "short circuit",
        "fire extinguisher fault",
    ]
    assert set_bits(decoded["warnings"], names["warnings"]) == ["cell voltage low"]
    assert (decoded["charge_mosfet"], decoded["discharge_mosfet"], decoded["tb07_mosfets"]) == (True, False, 0x42)


def set_bits(value: int, names: dict[int, str]) -> list[str]:
    assert value < 2 ** len(names)
    return [name for bit, name in names.items() if value >> bit & 1]


def test_flags_of_a_pace_span_two_registers(capsys: pytest.CaptureFixture[str]) -> None:
    data = struct.pack(">3H", 1 << 15 | 1 << 6, 1 << 6 | 1 << 7, 1 << 14 | 1 << 11 | 1 << 8)
    decoded = signals(capsys, "pace", *exchange(3, 9, data))
    names = load("pace").bits
    assert decoded["warnings"] == 1 << 15  # 6 means nothing there
    assert set_bits(decoded["protections"], names["protections"]) == [
        "short circuit",
        "charger over-voltage",
        "charger connected the wrong way round",
    ]
    assert (decoded["charge_mosfet"], decoded["discharge_mosfet"]) == (False, True)


@pytest.mark.parametrize(
    ("word", "bit", "kind", "name"),
    [
        (0x003A, 4, "warnings", "pack voltage high"),
        (0x003A, 5, "protections", "pack over-voltage"),
        (0x003A, 15, "protections", "discharge under-temperature"),
        (0x003B, 2, "warnings", "discharge current high"),
        (0x003B, 11, "protections", "temperatures differ too much"),
        (0x003C, 7, "protections", "discharge MOSFET open"),
        (0x003C, 8, "protections", "measuring chip fault"),
        (0x003C, 12, "warnings", "clock fault"),
    ],
)
def test_alarms_of_a_daly_have_two_levels(
    capsys: pytest.CaptureFixture[str], word: int, bit: int, kind: str, name: str
) -> None:
    words = [1 << bit if address == word else 0 for address in (0x003A, 0x003B, 0x003C)]
    request, response = at_address(0xD2, *exchange(3, 0x003A, struct.pack(">3H", *words)))
    decoded = signals(capsys, "daly", request, response)
    assert set_bits(decoded[kind], load("daly").bits[kind]) == [name]
    assert decoded["warnings" if kind == "protections" else "protections"] == 0


def at_address(address: int, *frames: str) -> list[str]:
    """The same frames with another slave address."""
    bodies = [bytes((address,)) + bytes.fromhex(frame)[1:-2] for frame in frames]
    return [(body + struct.pack("<H", rtu.crc16(body))).hex() for body in bodies]


def test_a_p81_that_answers_from_where_it_was_asked_is_another(capsys: pytest.CaptureFixture[str]) -> None:
    request, response = at_address(0x81, *exchange(3, 0x0038, struct.pack(">H", 530)))
    assert run(capsys, "daly", request, response) == (1, "", "response: answers for address 129 instead of 81\n")


def test_sensors_that_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    data = struct.pack(">19H", 61, 40, 40, 0, 0, 0, 0, 0, 271, 29970, *[0] * 8, 1)
    decoded = signals(capsys, "daly", *at_address(0xD2, *exchange(3, 0x0020, data)))
    assert [name for name in decoded if name.startswith("temperature_") and name[-1].isdigit()] == ["temperature_1"]
    assert (decoded["temperature_1"], decoded["current"]) == (21, -3.0)


@pytest.mark.parametrize(("byte", "celsius"), [(0x19, 25), (0x8A, -10), (0x00, 0), (0x80, 0), (0xFF, -127)])
def test_temperatures_of_a_renogy_are_sign_and_magnitude(
    capsys: pytest.CaptureFixture[str], byte: int, celsius: int
) -> None:
    decoded = signals(capsys, "renogy_rover", *exchange(3, 0x0103, bytes((byte, 0x1E))))
    assert (decoded["controller_temperature"], decoded["battery_temperature"]) == (celsius, 30)


def test_faults_of_a_renogy_stand_in_the_high_word(capsys: pytest.CaptureFixture[str]) -> None:
    decoded = signals(capsys, "renogy_rover", *exchange(3, 0x0121, bytes.fromhex("40010001")))
    assert decoded["faults"] == 1 << 30 | 1 << 16
    assert "faults" not in signals(capsys, "renogy_rover", *exchange(3, 0x0121, bytes.fromhex("4001")))


def test_a_tristar_tells_nothing_without_its_scaling_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert signals(capsys, "morningstar_tristar", *exchange(3, 0x0018, struct.pack(">H", 10000))) == {
        "register_0018": 10000
    }


@pytest.mark.parametrize(
    ("start", "words", "layout"),
    [
        (15, (3288, 3287), "v1_3"),  # a cell voltage
        (15, (4, 3287), "extended"),  # a count
        (14, (0, 4, 3287), "extended"),
        (15, (0, 3287), "v1_3"),  # no count: the registers that it knows tell
    ],
)
def test_register_15_tells_the_layout_of_a_pace(
    capsys: pytest.CaptureFixture[str], start: int, words: tuple[int, ...], layout: str
) -> None:
    decoded = signals(capsys, "pace", *exchange(3, start, struct.pack(f">{len(words)}H", *words)))
    assert ("cell_count" in decoded) == (layout == "extended")


def test_where_nothing_tells_the_layout_it_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    request, response = exchange(3, 17, struct.pack(">H", 3290))
    assert signals(capsys, "pace", request, response) == {"cell_03_voltage": 3.29}
    arguments = ["--device", "pace", "--request", request, "--response", response, "--layout"]
    assert main([*arguments, "extended"]) == 0
    assert json.loads(capsys.readouterr().out) == {"cell_02_voltage": 3.29}
    assert main([*arguments, "new"]) == 2
    assert capsys.readouterr().err == "--layout 'new': pace has v1_3, extended\n"


@given(st.integers(-(2**32), 2**32), st.integers(-3, 6))
def test_json_numbers_are_exact(integer: int, decimals: int) -> None:
    text = to_json({"a": (integer, decimals)})[5:-1]
    assert Decimal(text) == Decimal(integer).scaleb(-decimals)
    assert json.loads(text) == pytest.approx(integer / 10**decimals)


def test_json_escapes_text() -> None:
    text = 'a "b" \\ \n\t é'
    assert json.loads(to_json({"a": text, "b": (1, 0), "c": True})) == {"a": text, "b": 1, "c": True}
