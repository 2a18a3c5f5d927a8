"""The ledger is the truth that all else is measured with. Frames here are written by hand from the register maps."""

from dataclasses import replace
from pathlib import Path

import pytest

from hil_tests.frame import with_crc
from hil_tests.ledger import Exchange, ExpectedReading, Ledger, PolledDevice, expected_readings

BMS = PolledDevice("bms1", "jk_pb", 2)
MPPT = PolledDevice("mppt1", "epever_tracer", 1)


def jk(
    asked: int, millivolts: int = 53_400, milliamperes: int = -1_250, start: int = 0x1290, count: int = 6
) -> Exchange:
    """A good answer to a read that holds pack voltage, power and current."""
    words = bytearray(0x200)
    words[0x90:0x94] = millivolts.to_bytes(4, "big")
    words[0x98:0x9C] = milliamperes.to_bytes(4, "big", signed=True)
    payload = bytes(words[start - 0x1200 : start - 0x1200 + 2 * count])
    request = with_crc(bytes((2, 3)) + start.to_bytes(2, "big") + count.to_bytes(2, "big"))
    reply = with_crc(bytes((2, 3, 2 * count)) + payload)
    return Exchange(asked, asked + 20, request, reply, reply, None, "jk_pb")


def damaged(exchange: Exchange, fault: str = "crc") -> Exchange:
    return replace(exchange, delivered=exchange.reply[:-1] + b"\x00", fault=fault)


def test_an_exchange_survives_the_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    written = [jk(1_000), damaged(jk(2_000)), Exchange(3_000, 3_050, b"\x02", fault="not a frame")]
    for exchange in written:
        ledger.append(exchange)
    assert list(ledger.exchanges()) == written


def test_a_line_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    assert list(ledger.exchanges()) == []
    ledger.append(jk(1_000))
    with ledger.path.open("a") as file:
        file.write(jk(2_000).to_line()[:30])
    assert [exchange.asked for exchange in ledger.exchanges()] == [1_000]


def test_a_write_attempt_is_found(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(jk(1_000))
    assert ledger.write_attempts() == []
    ledger.append(Exchange(2_000, 2_010, with_crc(bytes.fromhex("021016000002040000 0001"))))
    assert [attempt.function for attempt in ledger.write_attempts()] == [16]


def test_values_of_a_jk_reply() -> None:
    (reading,) = expected_readings([jk(1_000, 53_412, -1_250)], [BMS])
    assert reading == ExpectedReading("bms1", 1_000, 1_020, {"pack_voltage": 53.412, "current": -1.25})


def test_a_jk_reply_counts_by_what_it_holds_not_by_where_it_starts() -> None:
    exchanges = [
        jk(1_000, start=0x1200, count=100),
        jk(11_000, start=0x1290, count=2),
        jk(21_000, start=0x1294, count=4),  # current, but not the anchor
        jk(31_000, start=0x1200, count=16),
    ]
    readings = expected_readings(exchanges, [BMS])
    assert [(reading.began, list(reading.values)) for reading in readings] == [
        (1_000, ["pack_voltage", "current"]),
        (11_000, ["pack_voltage"]),
    ]


def test_values_of_an_epever_reply() -> None:
    # 85.12 V, 4.31 A, 1366.86 W = 0x215EE hundredths with the low word first, 53.44 V.
    request = with_crc(bytes.fromhex("010431000005"))
    reply = with_crc(bytes.fromhex("01040a 2140 01af 15ee 0002 14e0"))
    (reading,) = expected_readings([Exchange(1_000, 1_010, request, reply, reply)], [MPPT])
    assert reading.values == {"pv_voltage": 85.12, "pv_current": 4.31, "pv_power": 1366.86, "battery_voltage": 53.44}


def test_an_exception_and_silence_are_no_readings() -> None:
    exception = with_crc(bytes.fromhex("028304"))
    refused = replace(jk(1_000), reply=exception, delivered=exception)
    silent = replace(jk(2_000), reply=b"", delivered=b"")
    assert expected_readings([refused, silent], [BMS]) == []


def test_a_question_that_is_repeated_after_damage_counts_once_and_its_poll_began_with_the_first_try() -> None:
    tries = [damaged(jk(1_000)), damaged(jk(1_400)), jk(1_800)]
    (reading,) = expected_readings(tries, [BMS])
    assert (reading.began, reading.ended, reading.certain) == (1_000, 1_820, True)


def test_a_poll_does_not_begin_before_the_reading_before_it() -> None:
    readings = expected_readings([jk(1_000), jk(1_500)], [BMS])
    assert [reading.began for reading in readings] == [1_000, 1_500]


def test_a_poll_does_not_stretch_over_a_long_failure() -> None:
    failures = [damaged(jk(asked)) for asked in range(0, 60_000, 1_000)]
    (reading,) = expected_readings([*failures, jk(60_000)], [BMS])
    assert reading.began == 55_000


@pytest.mark.parametrize("fault", ["delay", "noise", "junk", "echo", "gap"])
def test_a_whole_reply_among_other_things_may_be_stored_but_need_not(fault: str) -> None:
    harmed = jk(1_000)
    (reading,) = expected_readings([replace(harmed, delivered=b"\x00" + harmed.reply, fault=fault)], [BMS])
    assert not reading.certain


def test_a_reply_that_was_late_by_itself_need_not_be_stored() -> None:
    (reading,) = expected_readings([replace(jk(1_000), ended=1_400)], [BMS])
    assert not reading.certain


def test_what_other_devices_answered_and_fragments_are_passed_over() -> None:
    stranger = replace(jk(1_000), request=b"\x09" + jk(1_000).request[1:])
    fragment = Exchange(2_000, 2_050, b"\x02\x03", fault="not a frame")
    assert expected_readings([stranger, fragment], [BMS, MPPT]) == []


def test_a_model_without_an_anchor_is_an_error() -> None:
    with pytest.raises(KeyError, match="daly"):
        expected_readings([], [PolledDevice("bms2", "daly", 3)])
